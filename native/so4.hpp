// Third-order invariants of neighbour densities on the 3-sphere, the SO(4) bispectrum:
//
//     row[f] = scale_f sum 3j(k1 k2 k3) 3j(l1 l2 l3) U1_(k1 l1) U2_(k2 l2) U3_(k3 l3)
//     U^n    = w_0 1 + sum_j w_j f(r_j) U^n(exp(-i theta(r_j) r_j/|r_j| . sigma))
//
// for triples of densities' matrices (channel, n = 2j). Samples sit side by side in the lanes of
// SIMD registers, so that no step has to look across lanes.
//
// Derivatives need no derivatives of U: when g changes to g (1 - i omega . sigma), polynomials in
// (x, y) change by first-order differential operators, which the pullback applies to the cotangent,
// once for all neighbours.
#pragma once
#include <array>
#include <map>
#include <numbers>
#include <optional>

#include "radial_table.hpp"
#include "so4_matrices.hpp"
#include "sums.hpp"

namespace vicinal {

enum class AngleMap { linear, arcsine };

struct SO4Options {
    int n_max, n_species, n_channels;
    AngleMap angle_map;
    double angle;                // theta = angle * x or angle * arcsin(x), x = (r - start)/(cutoff - start)
    double start;                // Å; nearer neighbours do not fade
    std::vector<double> cutoff;  // [n_species of the centre][n_species of the neighbour], Å
    std::vector<double> weight;  // w, by species of the neighbour
    std::vector<int64_t> channel;  // density that a neighbour belongs to, by species
    std::vector<double> central_weight;  // of the centre itself, by species
    bool central_everywhere;  // in the densities of all channels, or only in the centre's own
    // Neighbours fade out below switch_at - switch_width too; no width: they do not.
    std::vector<double> switch_at, switch_width;  // [n_species][n_species], Å
    std::vector<int64_t> triples;  // [n_features][3], each channel * (n_max + 1) + n
    std::vector<double> scale;     // [n_features]
    bool relative;                 // subtract what the centre alone gives
};

template <class T>
class SO4Invariants : public Term<T> {
public:
    using V = vec<T>;
    static constexpr int W = Simd<T>::width;
    using AnyScratch = typename Term<T>::Scratch;

    // fade: the cutoff function of x, on [0, 1].
    SO4Invariants(SO4Options options, RadialTable<T> fade)
        : o_(std::move(options)), fade_(std::move(fade)), layout_(o_.n_max) {
        const size_t n = size_t(o_.n_species), n_x = size_t(o_.n_channels) * (o_.n_max + 1);
        auto need = [](bool good, const char* what) {
            if (!good) throw std::invalid_argument(what);
        };
        need(o_.n_max >= 0 && o_.n_channels > 0 && fade_.row() >= 1, "so4: sizes");
        need(o_.cutoff.size() == n * n && o_.switch_at.size() == n * n &&
                 o_.switch_width.size() == n * n && o_.weight.size() == n && o_.channel.size() == n &&
                 o_.central_weight.size() == n,
             "so4: one parameter for each species, or two species");
        for (int64_t c : o_.channel) need(0 <= c && c < o_.n_channels, "so4: unknown channel");
        for (double c : o_.cutoff) need(c > o_.start, "so4: cutoff");
        need(o_.triples.size() == 3 * o_.scale.size(), "so4: three densities a feature");
        largest_ = o_.cutoff.empty() ? 0 : *std::max_element(o_.cutoff.begin(), o_.cutoff.end());
        for (int64_t x : o_.triples) need(0 <= x && size_t(x) < n_x, "so4: unknown density");

        layout_.each_half([&](int n, int k, int l, int) {
            auto f = [](int i) { return std::lgamma(static_cast<long double>(i + 1)); };
            root_.push_back(T(std::exp((f(l) + f(n - l) - f(k) - f(n - k)) / 2)));
            fold_.push_back(2 * k < n ? T(2) : T(1));  // a row stands for two
        });
        for (int n1 = 0; n1 <= o_.n_max; ++n1)
            for (int n2 = 0; n2 <= n1; ++n2) couplings_.emplace_back(n1, n2);
        arrange();
        if (o_.relative) subtract_lone_centers();
    }

    int64_t size() const override { return int64_t(o_.scale.size()); }
    int n_species() const override { return o_.n_species; }
    int batch() const override { return W; }

    std::unique_ptr<AnyScratch> scratch() const override { return std::make_unique<Scratch>(*this); }

    void values(const Sample& sample, AnyScratch& s, T* row) const override {
        batch_values(&sample, 1, s, row, 0);
    }
    void backward(const Sample& sample, AnyScratch& s, const T* cotangent, double* out) const override {
        batch_backward(&sample, 1, s, cotangent, 0, out);
    }
    void tangent(const Sample& sample, AnyScratch& s, const double* pushed, T* row) const override {
        batch_tangent(&sample, 1, s, pushed, row, 0);
    }
    void jacobian(const Sample& sample, AnyScratch& s, T* J, int64_t stride) const override {
        batch_jacobian(&sample, 1, s, &J, stride);
    }

    void batch_values(const Sample* samples, int n, AnyScratch& any, T* rows,
                      int64_t stride) const override {
        auto& s = static_cast<Scratch&>(any);
        densities(samples, n, s);
        invariants(s);
        for (int i = 0; i < n; ++i) {
            for (int64_t f = 0; f < size(); ++f)
                rows[i * stride + f] = T(o_.scale[f]) * s.invariant[of_[f]][i];
            if (!o_.relative) continue;
            samples[i].each_center([&](int64_t k, int64_t) {
                const int species = samples[i].pairs.species[samples[i].pairs.centers[k]];
                for (int64_t f = 0; f < size(); ++f)
                    rows[i * stride + f] -= lone_[species * size() + f];
            });
        }
    }

    void batch_backward(const Sample* samples, int n, AnyScratch& any, const T* cotangents,
                        int64_t stride, double* out) const override {
        auto& s = static_cast<Scratch&>(any);
        densities(samples, n, s);
        V* g = s.invariant.data();
        std::fill(s.invariant.begin(), s.invariant.end(), V{});
        for (int64_t f = 0; f < size(); ++f)
            for (int i = 0; i < n; ++i) g[of_[f]][i] += T(o_.scale[f]) * cotangents[i * stride + f];
        V* Y = s.adjoint.get();
        std::fill(Y, Y + s.adjoint.size(), V{});
        for (const Product& p : pullbacks_) {
            for (size_t e = 0; e < p.entries.size(); ++e)
                s.factor[e] = p.entries[e].factor * g[p.entries[e].invariant];
            couple(p, s.whole.get(), [&](int e, const Entry&, int64_t at, V re, V im) VICINAL_INLINE {
                Y[2 * at] += s.factor[e] * re, Y[2 * at + 1] += s.factor[e] * im;
            });
        }
        for (int x = 0; x < n_densities(); ++x) operators(x, s);
        const V one = splat<T>(1);
        for (int c = 0; c < o_.n_channels; ++c) {
            const V* pulled = s.pulled.get() + 8 * size_t(c) * layout_.half_size();
            for (int q = s.first[c]; q < s.first[c + 1]; ++q) {
                V sum[8] = {};
                rotations(s.slots[q], one, s.u.get(), [&](int at, V re, V im) VICINAL_INLINE {
                    for (int i = 0; i < 4; ++i)
                        sum[2 * i] += pulled[8 * at + 2 * i] * re,
                        sum[2 * i + 1] += pulled[8 * at + 2 * i + 1] * im;
                });
                V gradient[3];
                chain(s.slots[q], sum, gradient);
                for (int i = 0; i < n; ++i)
                    if (const int64_t pair = s.slots[q].pair[i]; pair >= 0)
                        for (int a = 0; a < 3; ++a) out[3 * pair + a] += double(gradient[a][i]);
            }
        }
    }

    void batch_tangent(const Sample* samples, int n, AnyScratch& any, const double* pushed, T* rows,
                       int64_t stride) const override {
        auto& s = static_cast<Scratch&>(any);
        densities(samples, n, s);
        // Sums over neighbours of u times the change of its weight and times f omega.
        const size_t half = size_t(layout_.half_size());
        std::vector<V> sums(8 * half * o_.n_channels, V{});
        for (int c = 0; c < o_.n_channels; ++c)
            for (int q = s.first[c]; q < s.first[c + 1]; ++q) {
                const Slot& t = s.slots[q];
                V d[3] = {};
                for (int i = 0; i < n; ++i)
                    for (int a = 0; a < 3 && t.pair[i] >= 0; ++a) d[a][i] = T(pushed[3 * t.pair[i] + a]);
                const V along = d[0] * t.x + d[1] * t.y + d[2] * t.z;
                const V p = t.f * t.cos * t.sin * t.per_r, m = t.f * t.sin * t.sin * t.per_r;
                const V radial = (t.f * t.slope - p) * along;
                const V w[4] = {t.df * along, radial * t.x + p * d[0] - m * (t.y * d[2] - t.z * d[1]),
                                radial * t.y + p * d[1] - m * (t.z * d[0] - t.x * d[2]),
                                radial * t.z + p * d[2] - m * (t.x * d[1] - t.y * d[0])};
                V* to = sums.data() + 8 * half * c;
                rotations(t, splat<T>(1), s.u.get(), [&](int at, V re, V im) VICINAL_INLINE {
                    for (int i = 0; i < 4; ++i)
                        to[8 * at + 2 * i] += w[i] * re, to[8 * at + 2 * i + 1] += w[i] * im;
                });
            }
        V* change = s.adjoint.get();
        for (int c = 0; c < o_.n_channels; ++c)
            layout_.each_half([&](int n, int, int l, int at) {
                const V* here = sums.data() + 8 * (half * c + at);
                const T up = T(l + 1), down = T(n - l + 1), z = T(2 * l - n);
                V re = here[0] + z * here[7], im = here[1] - z * here[6];
                if (l < n) re += up * (here[8 + 3] - here[8 + 4]), im -= up * (here[8 + 2] + here[8 + 5]);
                if (l > 0) re += down * (here[3 - 8] + here[4 - 8]), im -= down * (here[2 - 8] - here[5 - 8]);
                change[2 * (half * c + at)] = re, change[2 * (half * c + at) + 1] = im;
            });
        Buffer<Dual<T>> whole(whole_size());
        Buffer<Dual<T>> target(2 * half * o_.n_channels);
        std::vector<Dual<T>> found(n_invariants_);
        expand(whole.get(), target.get(), [&](size_t at) { return Dual<T>{s.total[at], change[at]}; });
        contract(whole.get(), target.get(), found.data());
        for (int i = 0; i < n; ++i)
            for (int64_t f = 0; f < size(); ++f)
                rows[i * stride + f] = T(o_.scale[f]) * found[of_[f]].d[i];
    }

    void batch_jacobian(const Sample* samples, int n, AnyScratch& any, T* const* J,
                        int64_t stride) const override {
        auto& s = static_cast<Scratch&>(any);
        densities(samples, n, s);
        const size_t half = size_t(layout_.half_size());
        Buffer<V> u(2 * half * s.slots.size());
        for (size_t q = 0; q < s.slots.size(); ++q)
            rotations(s.slots[q], splat<T>(1), u.get() + 2 * half * q, [](int, V, V) {});
        V* Y = s.adjoint.get();
        for (int t = 0; t < n_invariants_; ++t) {
            for (int x : densities_of_[t]) std::fill(Y + 2 * start(x), Y + 2 * start(x + 1), V{});
            for (const Product& p : pullbacks_of_[t])
                couple(p, s.whole.get(), [&](int, const Entry& e, int64_t at, V re, V im) {
                    Y[2 * at] += e.factor * re, Y[2 * at + 1] += e.factor * im;
                });
            for (int x : densities_of_[t]) operators(x, s);
            for (int c = 0; c < o_.n_channels; ++c)
                for (int q = s.first[c]; q < s.first[c + 1]; ++q) {
                    V sum[8] = {}, gradient[3];
                    bool touched = false;
                    for (int x : densities_of_[t]) {
                        if (x / (o_.n_max + 1) != c) continue;
                        touched = true;
                        const V* row = u.get() + 2 * (half * q - half * c);
                        for (int64_t at = start(x); at < start(x + 1); ++at)
                            for (int i = 0; i < 8; ++i) sum[i] += s.pulled[8 * at + i] * row[2 * at + i % 2];
                    }
                    if (!touched) continue;
                    chain(s.slots[q], sum, gradient);
                    for (int64_t f : features_of_[t])
                        for (int i = 0; i < n; ++i)
                            if (const int64_t pair = s.slots[q].pair[i]; pair >= 0)
                                for (int a = 0; a < 3; ++a)
                                    J[i][((pair - samples[i].base) * 3 + a) * stride + f] +=
                                        T(o_.scale[f]) * gradient[a][i];
                }
        }
    }

private:
    // One neighbour of each sample. A lane without one has f = 0 and pair = -1.
    struct Slot {
        V cos, sin, x, y, z, per_r, slope, f, df;  // slope: d theta/dr; f, df: weight and d weight/dr
        int64_t pair[W];
    };
    struct Found {
        int lane, channel, place, type;
        int64_t pair, selected;
        double r;
    };
    // An invariant to which Z^n of a product contributes, contracted with density `target`.
    struct Entry {
        int s, target, invariant;
        T factor;
        int64_t at;  // where the half of the target begins
    };
    struct Product {
        int n1, n2, s_first, s_last;
        bool same;
        int64_t whole1, whole2;      // where the matrices begin
        const Coupling<T>* coupling;
        std::vector<Entry> entries;  // sorted by s
        std::vector<int> begin;      // [s_last - s_first + 2]
    };

    struct Scratch : AnyScratch {
        explicit Scratch(const SO4Invariants& t)
            : first(t.o_.n_channels + 1), count(t.o_.n_channels * W), fade(t.fade_.row()),
              dfade(t.fade_.row()), u(2 * size_t(t.layout_.half_size())),
              total(u.size() * t.o_.n_channels), target(total.size()), adjoint(total.size()),
              pulled(4 * total.size()),
              whole(t.whole_size()),
              invariant(t.n_invariants_), factor(t.most_entries_) {}
        std::vector<Found> found;
        std::vector<Slot> slots;       // sorted by channel
        std::vector<int> first, count;  // slots of each channel; neighbours, [channel][lane]
        Buffer<T> fade, dfade;
        Buffer<V> u, total, target, adjoint, pulled, whole;
        std::vector<V> invariant, factor;
    };

    int n_densities() const { return o_.n_channels * (o_.n_max + 1); }
    int n_of(int x) const { return x % (o_.n_max + 1); }
    // Where a density's matrix begins, its half, and the whole, which has room before and after.
    int64_t start(int x) const {
        return int64_t(x / (o_.n_max + 1)) * layout_.half_size() + layout_.half[n_of(x)];
    }
    int64_t whole_start(int x) const {
        return 1 + int64_t(x / (o_.n_max + 1)) * layout_.whole_size() + layout_.whole[n_of(x)];
    }
    size_t whole_size() const { return 2 * (size_t(layout_.whole_size()) * o_.n_channels + 2); }

    // -- what is computed, arranged by products of two densities -----------------------------------

    void arrange() {
        using Key = std::array<int, 3>;
        std::map<Key, int> known;
        std::vector<Key> keys;
        auto larger = [&](int a, int b) { return std::pair(n_of(a), a) > std::pair(n_of(b), b); };
        for (size_t f = 0; f < o_.scale.size(); ++f) {
            Key key;
            for (int i = 0; i < 3; ++i) key[i] = int(o_.triples[3 * f + i]);
            std::sort(key.begin(), key.end(), larger);  // the order does not matter to an invariant
            const int a = n_of(key[0]), b = n_of(key[1]), c = n_of(key[2]);
            if ((a + b + c) % 2 || a > b + c) throw std::invalid_argument("so4: no triangle");
            const auto [at, fresh] = known.emplace(key, int(keys.size()));
            if (fresh) keys.push_back(key), features_of_.emplace_back();
            of_.push_back(at->second);
            features_of_[at->second].push_back(int64_t(f));
        }
        n_invariants_ = int(keys.size());
        // Values by the product of the two smallest matrices, which is the cheapest.
        std::map<std::pair<int, int>, std::vector<Entry>> forward, pull;
        for (int t = 0; t < n_invariants_; ++t) {
            const Key& k = keys[t];
            auto entry = [&](int a, int b, int target) {
                return Entry{(n_of(k[a]) + n_of(k[b]) - n_of(k[target])) / 2, k[target], t,
                             T(1.0 / (n_of(k[target]) + 1)), start(k[target])};
            };
            forward[{k[1], k[2]}].push_back(entry(1, 2, 0));
            std::map<std::pair<int, int>, std::vector<Entry>> own;
            own[{k[1], k[2]}].push_back(entry(1, 2, 0));
            own[{k[0], k[2]}].push_back(entry(0, 2, 1));
            own[{k[0], k[1]}].push_back(entry(0, 1, 2));
            for (const auto& [pair, entries] : own)
                pull[pair].insert(pull[pair].end(), entries.begin(), entries.end());
            pullbacks_of_.push_back(products(own));
            std::vector<int> distinct(k.begin(), k.end());
            distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
            densities_of_.push_back(distinct);
        }
        forward_ = products(forward);
        pullbacks_ = products(pull);
        for (const Product& p : pullbacks_) most_entries_ = std::max(most_entries_, p.entries.size());
    }

    std::vector<Product> products(
        const std::map<std::pair<int, int>, std::vector<Entry>>& entries_of) const {
        std::vector<Product> out;
        for (const auto& [pair, unsorted] : entries_of) {
            std::vector<Entry> sorted = unsorted, entries;
            std::stable_sort(sorted.begin(), sorted.end(), [](const Entry& a, const Entry& b) {
                return std::pair(a.s, a.invariant) < std::pair(b.s, b.invariant);
            });
            for (const Entry& e : sorted)  // an invariant of equal densities comes several times
                if (!entries.empty() && entries.back().invariant == e.invariant &&
                    entries.back().target == e.target)
                    entries.back().factor += e.factor;
                else
                    entries.push_back(e);
            const auto [x1, x2] = pair;
            const int n1 = n_of(x1), n2 = n_of(x2);
            Product p{n1, n2, entries.front().s, entries.back().s, x1 == x2, whole_start(x1),
                      whole_start(x2), &couplings_[n1 * (n1 + 1) / 2 + n2], entries, {}};
            for (int s = p.s_first; s <= p.s_last + 1; ++s)
                p.begin.push_back(int(std::lower_bound(entries.begin(), entries.end(), s,
                                                       [](const Entry& e, int s) { return e.s < s; }) -
                                      entries.begin()));
            out.push_back(std::move(p));
        }
        return out;
    }

    // f(number of the entry, entry, place in the target's half, re, im) for all elements of Z.
    template <class N, class F>
    VICINAL_INLINE void couple(const Product& p, const N* whole, const F& f) const {
        p.coupling->each(
            whole + 2 * p.whole1, whole + 2 * p.whole2, p.same, p.s_first, p.s_last,
            [&](int K, int L, int s, N re, N im) VICINAL_INLINE {
                const int n = p.n1 + p.n2 - 2 * s, place = (K - s) * (n + 1) + L - s;
                for (int e = p.begin[s - p.s_first]; e < p.begin[s - p.s_first + 1]; ++e)
                    f(e, p.entries[e], p.entries[e].at + place, re, im);
            });
    }

    // -- neighbours -------------------------------------------------------------------------------

    // Reads the neighbours into slots, and leaves their densities in s.total, s.whole, s.target.
    void densities(const Sample* samples, int n, Scratch& s) const {
        find(samples, n, s);
        std::fill(s.total.get(), s.total.get() + s.total.size(), V{});
        for (int c = 0; c < o_.n_channels; ++c) {
            V* total = s.total.get() + 2 * size_t(c) * layout_.half_size();
            for (int q = s.first[c]; q < s.first[c + 1]; ++q)
                rotations(s.slots[q], s.slots[q].f, s.u.get(), [&](int at, V re, V im) VICINAL_INLINE {
                    total[2 * at] += re, total[2 * at + 1] += im;
                });
        }
        for (int i = 0; i < n; ++i)
            samples[i].each_center([&](int64_t k, int64_t) {
                add_center(samples[i].pairs.species[samples[i].pairs.centers[k]], i, s);
            });
        expand(s.whole.get(), s.target.get(), [&](size_t at) { return s.total[at]; });
    }

    void find(const Sample* samples, int n, Scratch& s) const {
        s.found.clear();
        std::fill(s.count.begin(), s.count.end(), 0);
        for (int i = 0; i < n; ++i) {
            const PairsView& p = samples[i].pairs;
            samples[i].each_center([&](int64_t k, int64_t base) {
                const int row = p.species[p.centers[k]] * o_.n_species;
                for (int64_t q = p.start[k]; q < p.stop[k]; ++q) {
                    const double* d = p.D + 3 * q;
                    const double r2 = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
                    if (!(r2 < largest_ * largest_)) continue;
                    const double r = std::sqrt(r2);
                    const int species = p.species[p.j[q]], type = row + species;
                    if (!(r < o_.cutoff[type])) continue;
                    const int channel = int(o_.channel[species]);
                    s.found.push_back({i, channel, s.count[channel * W + i]++, type, q,
                                       base + q - p.start[k], r});
                }
            });
        }
        for (int c = 0; c < o_.n_channels; ++c)
            s.first[c + 1] =
                s.first[c] + *std::max_element(&s.count[c * W], &s.count[c * W] + W);
        Slot empty{};
        empty.cos = splat<T>(1);
        std::fill(empty.pair, empty.pair + W, int64_t(-1));
        s.slots.assign(s.first.back(), empty);
        for (const Found& f : s.found) place(f, samples[f.lane].pairs.D + 3 * f.pair, s);
    }

    void place(const Found& f, const double* d, Scratch& s) const {
        const double width = o_.cutoff[f.type] - o_.start, x = (f.r - o_.start) / width;
        double theta = o_.angle * x, slope = o_.angle / width;
        if (o_.angle_map == AngleMap::arcsine) {
            theta = o_.angle * std::asin(std::min(x, 1.0));
            slope /= std::sqrt(std::max(1 - x * x, 1e-30));
        }
        double weight = o_.weight[f.type % o_.n_species], dweight = 0;
        if (x > 0) {
            fade_.evaluate(x, T(1), s.fade.get(), s.dfade.get());
            dweight = weight * double(s.dfade[0]) / width;
            weight *= double(s.fade[0]);
        }
        if (const double half = o_.switch_width[f.type]; half > 0) {
            const double y = std::clamp((f.r - o_.switch_at[f.type]) / half, -1.0, 1.0);
            constexpr double quarter = std::numbers::pi / 2;
            const double in = 0.5 * (1 + std::sin(quarter * y));
            dweight = dweight * in + weight * 0.5 * quarter / half * std::cos(quarter * y);
            weight *= in;
        }
        Slot& t = s.slots[s.first[f.channel] + f.place];
        const int i = f.lane;
        t.cos[i] = T(std::cos(theta)), t.sin[i] = T(std::sin(theta));
        t.x[i] = T(d[0] / f.r), t.y[i] = T(d[1] / f.r), t.z[i] = T(d[2] / f.r);
        t.per_r[i] = T(1 / f.r), t.slope[i] = T(slope), t.f[i] = T(weight), t.df[i] = T(dweight);
        t.pair[i] = f.selected;
    }

    // g = exp(-i theta n . sigma) of a slot, to its polynomials.
    template <class F>
    VICINAL_INLINE void rotations(const Slot& t, V start, V* u, const F& each) const {
        rotation_polynomials<T>(o_.n_max, t.cos, -t.sin * t.z, -t.sin * t.y, -t.sin * t.x, start, u, each);
    }

    // The centre sits on the pole: its matrices are the unit matrix.
    void add_center(int species, int lane, Scratch& s) const {
        for (int c = 0; c < o_.n_channels; ++c)
            if (o_.central_everywhere || o_.channel[species] == c)
                for (int n = 0; n <= o_.n_max; ++n)
                    for (int k = 0; 2 * k <= n; ++k) {
                        const size_t at = size_t(c) * layout_.half_size() + layout_.half[n] + k * (n + 2);
                        s.total[2 * at][lane] += T(o_.central_weight[species]);
                    }
    }

    // total(place), polynomials, to whole matrices, and to halves that are ready to be contracted.
    template <class N, class F>
    void expand(N* whole, N* target, const F& total) const {
        for (int c = 0; c < o_.n_channels; ++c)
            layout_.each_half([&](int n, int k, int l, int place) {
                const size_t at = size_t(c) * layout_.half_size() + place;
                const N re = root_[place] * total(2 * at), im = root_[place] * total(2 * at + 1);
                target[2 * at] = fold_[place] * re, target[2 * at + 1] = fold_[place] * im;
                N* matrix = whole + 2 * whole_start(c * (o_.n_max + 1) + n);
                N* here = matrix + 2 * (k * (n + 1) + l);
                here[0] = re, here[1] = im;
                if (2 * k == n) return;
                N* other = matrix + 2 * ((n - k) * (n + 1) + n - l);
                const T sign = (k - l) % 2 ? T(-1) : T(1);
                other[0] = sign * re, other[1] = -sign * im;
            });
    }

    template <class N>
    void contract(const N* whole, const N* target, N* found) const {
        std::fill(found, found + n_invariants_, N{});
        for (const Product& p : forward_)
            couple(p, whole, [&](int, const Entry& e, int64_t at, N re, N im) VICINAL_INLINE {
                N& sum = found[e.invariant];
                sum = sum + (target[2 * at] * re + target[2 * at + 1] * im);
            });
        for (const Product& p : forward_)
            for (const Entry& e : p.entries) found[e.invariant] = e.factor * found[e.invariant];
    }
    void invariants(Scratch& s) const {
        contract(s.whole.get(), s.target.get(), s.invariant.data());
    }

    // From the cotangent Y of a density's matrix: s.pulled [place][4][re, im], such that the real
    // parts of conj(pulled) u are the derivatives over the weight and over omega_x, _y, _z.
    void operators(int x, Scratch& s) const {
        const int n = n_of(x);
        const T* root = root_.data() + layout_.half[n];
        const T* fold = fold_.data() + layout_.half[n];
        V* out = s.pulled.get() + 8 * start(x);
        for (int k = 0; 2 * k <= n; ++k) {
            V* Y = s.adjoint.get() + 2 * (start(x) + k * (n + 1));
            for (int l = 0; l <= n; ++l) {
                const T factor = root[k * (n + 1) + l] * fold[k * (n + 1) + l];
                Y[2 * l] *= factor, Y[2 * l + 1] *= factor;
            }
            for (int l = 0; l <= n; ++l, out += 8) {
                V lr{}, li{}, hr{}, hi{};
                if (l > 0) lr = T(l) * Y[2 * l - 2], li = T(l) * Y[2 * l - 1];
                if (l < n) hr = T(n - l) * Y[2 * l + 2], hi = T(n - l) * Y[2 * l + 3];
                const T z = T(2 * l - n);
                out[0] = Y[2 * l], out[1] = Y[2 * l + 1];
                out[2] = -(li + hi), out[3] = lr + hr;
                out[4] = hr - lr, out[5] = hi - li;
                out[6] = -z * Y[2 * l + 1], out[7] = z * Y[2 * l];
            }
        }
    }

    // g^-1 dg = -i omega . sigma, with omega = theta' (n . dr) n + cos sin dn - sin^2 n x dn.
    VICINAL_INLINE void chain(const Slot& t, const V* sum, V* gradient) const {
        const V weight = sum[0] + sum[1];
        const V x = sum[2] + sum[3], y = sum[4] + sum[5], z = sum[6] + sum[7];
        const V along = x * t.x + y * t.y + z * t.z;
        const V p = t.f * t.cos * t.sin * t.per_r, m = t.f * t.sin * t.sin * t.per_r;
        const V radial = t.df * weight + (t.f * t.slope - p) * along;
        gradient[0] = radial * t.x + p * x - m * (y * t.z - z * t.y);
        gradient[1] = radial * t.y + p * y - m * (z * t.x - x * t.z);
        gradient[2] = radial * t.z + p * z - m * (x * t.y - y * t.x);
    }

    void subtract_lone_centers() {
        Scratch s(*this);
        for (int species = 0; species < o_.n_species; ++species) {
            std::fill(s.total.get(), s.total.get() + s.total.size(), V{});
            add_center(species, 0, s);
            expand(s.whole.get(), s.target.get(), [&](size_t at) { return s.total[at]; });
            invariants(s);
            for (int64_t f = 0; f < size(); ++f) lone_.push_back(T(o_.scale[f]) * s.invariant[of_[f]][0]);
        }
    }

    SO4Options o_;
    RadialTable<T> fade_;
    MatrixLayout layout_;
    double largest_ = 0;
    std::vector<T> root_, fold_;           // [half]: normalisation; rows that an element stands for
    std::vector<Coupling<T>> couplings_;   // [n1 >= n2]
    std::vector<Product> forward_, pullbacks_;
    std::vector<std::vector<Product>> pullbacks_of_;  // of each invariant alone
    std::vector<std::vector<int>> densities_of_;
    std::vector<std::vector<int64_t>> features_of_;
    std::vector<int> of_;  // the invariant of each feature
    int n_invariants_ = 0;
    size_t most_entries_ = 0;
    std::vector<T> lone_;  // [n_species][n_features]
};

}  // namespace vicinal
