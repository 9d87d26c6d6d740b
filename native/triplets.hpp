// Sums over pairs of neighbours j < k of functions that do not separate over j and k:
//
//     row[block][a][e] = sum_jk w_jk U_e A_a,
//     U_e = P_e(r_ij) P_e(r_ik) Q_e(r_jk) S_e((r_ij + r_ik) / 2),   A_a = A_a(theta)
//
// where Q and S may be absent, and block and w follow from the species of centre and neighbours;
// w may also depend on the shape of the triangle (TripleWeight). Every factor comes from tables: a
// triple costs a few vector operations for each factor, and one for each vector of features.
#pragma once
#include <cmath>
#include <limits>
#include <optional>

#include "radial_table.hpp"
#include "sums.hpp"

namespace vicinal {

// A weight by the three distances of a triangle, symmetric in the first two.
struct TripleWeight {
    virtual ~TripleWeight() = default;
    // r: r_ij, r_ik, r_jk; slope [3]: derivatives by them.
    virtual double evaluate(const double* r, double* slope) const = 0;
};

template <class T>
class Triplets : public Term<T> {
public:
    using V = vec<T>;
    static constexpr int W = Simd<T>::width;

    struct Factors {
        RadialTable<T> P;
        std::optional<RadialTable<T>> Q, S;
        RadialTable<T> A;      // of 1 + cos(theta), or of theta
        int n_pair, n_angle;   // numbers of U_e and A_a
        bool theta;            // A is a function of theta, which need not be smooth in the cosine
        bool paired;           // not all products: row[block][e] is the sum of U_e A_e
        bool angles_last;      // row[block][e][a]
        std::shared_ptr<const TripleWeight> shape;
    };

    // block, weight: [species of the centre][of j][of k], read for species j <= k alone; block -1
    // counts nowhere.
    Triplets(Factors factors, int n_species, int n_blocks, std::vector<int64_t> block,
             std::vector<double> weight)
        : f_(std::move(factors)), n_species_(n_species), n_blocks_(n_blocks),
          n_angle_(f_.paired ? 1 : f_.n_angle), block_(std::move(block)), weight_(std::move(weight)) {
        if (n_species < 1 || n_blocks < 0) throw std::invalid_argument("triplets: no species");
        const size_t n = size_t(n_species) * n_species * n_species;
        if (block_.size() != n || weight_.size() != n)
            throw std::invalid_argument("triplets: one block and weight for each three species");
        for (int64_t b : block_)
            if (b < -1 || b >= n_blocks) throw std::invalid_argument("triplets: unknown block");
        const int row = f_.P.row();
        if (row != padded<T>(f_.n_pair) || f_.A.row() != padded<T>(f_.n_angle) ||
            (f_.Q && f_.Q->row() != row) || (f_.S && f_.S->row() != row) ||
            (f_.paired && f_.n_pair != f_.n_angle))
            throw std::invalid_argument("triplets: the numbers of functions differ");
        if (f_.S && f_.S->end() < f_.P.end())
            throw std::invalid_argument("triplets: S does not reach as far as P");
    }

    int64_t size() const override { return int64_t(n_blocks_) * n_angle_ * f_.n_pair; }
    int n_species() const override { return n_species_; }

    struct Scratch : Term<T>::Scratch {
        explicit Scratch(const Triplets& t)
            : neighbors(t.n_species_), sums(size_t(t.n_blocks_) * t.block_size()),
              A(W * t.f_.A.row()), dA(W * t.f_.A.row()), Q(W * t.width()), dQ(W * t.width()),
              S(W * t.width()), dS(W * t.width()), U(W * t.width()), Uj(t.width()), Uk(t.width()),
              Uc(t.width()) {
            for (int v = 0; v < W * t.width(); ++v) Q[v] = S[v] = T(1);  // where there is none
        }
        Neighbors<T> neighbors;
        Buffer<T> sums;                 // or cotangents: [block][a][e], e padded
        std::vector<T> P, dP;           // of each neighbour
        Buffer<T> x, y, z, r;           // of the neighbours, padded
        Buffer<T> cosine, square;       // of theta; of r_jk
        std::vector<int> chosen;        // the k of one j that count
        Buffer<T> A, dA, Q, dQ, S, dS;  // of W triples
        Buffer<T> U, Uj, Uk, Uc;        // U_e of one; its slopes by r_ij, r_ik, cos(theta)
    };
    std::unique_ptr<typename Term<T>::Scratch> scratch() const override {
        return std::make_unique<Scratch>(*this);
    }

    void values(const Sample& sample, typename Term<T>::Scratch& any, T* row) const override {
        auto& s = static_cast<Scratch&>(any);
        clear(s);
        each<false>(sample, s, [&](int64_t block, int first, int last) {
            T* to = s.sums.get() + block * block_size();
            const int width = this->width(), n_A = f_.A.row();
            for (int v = 0; v < width; v += W, to += W) {
                const T *U = s.U.get() + v, *A = s.A.get();
                if (f_.paired) {
                    V sum = load(to);
                    for (int i = first; i < last; ++i) sum += load(A + i * n_A + v) * load(U + i * width);
                    store<T>(to, sum);
                    continue;
                }
                tiles(n_angle_, [&](auto tile, int a) VICINAL_INLINE {
                    constexpr int N = decltype(tile)::value;
                    V sums[N];
                    for (int k = 0; k < N; ++k) sums[k] = load(to + (a + k) * width);
                    for (int i = first; i < last; ++i) {
                        const V u = load(U + i * width);
                        for (int k = 0; k < N; ++k) sums[k] += A[i * n_A + a + k] * u;
                    }
                    for (int k = 0; k < N; ++k) store<T>(to + (a + k) * width, sums[k]);
                });
            }
        });
        unpad(s, row);
    }

    void backward(const Sample& sample, typename Term<T>::Scratch& any, const T* cotangent,
                  double* out) const override {
        auto& s = static_cast<Scratch&>(any);
        pad(cotangent, s);
        each<true>(sample, s, [&](const Triple& t) {
            V gj{}, gk{}, gc{};
            angles([&](auto angle, int n_angles) {
                for (int v = 0; v < width(); v += W) {
                    const T* cot = s.sums.get() + t.block * block_size() + v;
                    V g{}, h{};
                    for (int a = 0; a < n_angles; ++a, cot += width()) {
                        g += angle(t.A, a, v) * load(cot);
                        h += angle(t.dA, a, v) * load(cot);
                    }
                    gj += g * load(s.Uj.get() + v);
                    gk += g * load(s.Uk.get() + v);
                    gc += g * load(s.Uc.get() + v) + h * load(s.U.get() + v);
                }
            });
            const Neighbors<T>& n = s.neighbors;
            const T by_j = sum<T>(gj), by_k = sum<T>(gk), by_cos = sum<T>(gc);
            for (int end = 0; end < 2; ++end) {
                const int i = end ? t.k : t.j;
                T across[3];
                turn(n, i, end ? t.j : t.k, t.cosine, across);
                const T unit[3] = {n.x[i], n.y[i], n.z[i]};
                for (int d = 0; d < 3; ++d)
                    out[3 * n.selected[i] + d] += (end ? by_k : by_j) * unit[d] + by_cos * across[d];
            }
        });
    }

    void tangent(const Sample& sample, typename Term<T>::Scratch& any, const double* tangent,
                 T* row) const override {
        auto& s = static_cast<Scratch&>(any);
        clear(s);
        each<true>(sample, s, [&](const Triple& t) {
            const Neighbors<T>& n = s.neighbors;
            T dr[2] = {0, 0}, dcos = 0;
            for (int end = 0; end < 2; ++end) {
                const int i = end ? t.k : t.j;
                T across[3];
                turn(n, i, end ? t.j : t.k, t.cosine, across);
                const T unit[3] = {n.x[i], n.y[i], n.z[i]};
                for (int d = 0; d < 3; ++d) {
                    const T along = T(tangent[3 * n.selected[i] + d]);
                    dr[end] += along * unit[d], dcos += along * across[d];
                }
            }
            T* to = s.sums.get() + t.block * block_size();
            const int width = this->width();
            const T *A = t.A, *dA = t.dA;
            angles([&](auto angle, int n_angles) {
                for (int v = 0; v < width; v += W, to += W) {
                    const V U = dcos * load(s.U.get() + v);
                    const V dU = dr[0] * load(s.Uj.get() + v) + dr[1] * load(s.Uk.get() + v) +
                                 dcos * load(s.Uc.get() + v);
                    for (int a = 0; a < n_angles; ++a) {
                        T* at = to + a * width;
                        store<T>(at, load(at) + angle(A, a, v) * dU + angle(dA, a, v) * U);
                    }
                }
            });
        });
        unpad(s, row);
    }

    void jacobian(const Sample& sample, typename Term<T>::Scratch& any, T* J,
                  int64_t stride) const override {
        auto& s = static_cast<Scratch&>(any);
        each<true>(sample, s, [&](const Triple& t) {
            const Neighbors<T>& n = s.neighbors;
            for (int end = 0; end < 2; ++end) {
                const int i = end ? t.k : t.j;
                const T* Ur = end ? s.Uk.get() : s.Uj.get();
                T across[3];
                turn(n, i, end ? t.j : t.k, t.cosine, across);
                const T unit[3] = {n.x[i], n.y[i], n.z[i]};
                for (int d = 0; d < 3; ++d) {
                    T* to = J + ((n.selected[i] - sample.base) * 3 + d) * stride;
                    each_feature(t.block, [&](int a, int e, int64_t feature) {
                        const int q = f_.paired ? e : a;
                        to[feature] += unit[d] * t.A[q] * Ur[e] +
                                       across[d] * (t.A[q] * s.Uc[e] + t.dA[q] * s.U[e]);
                    });
                }
            }
        });
    }

private:
    struct Triple {
        int j, k;
        int64_t block;
        T cosine;
        const T *A, *dA;  // of its angle, and slopes by the cosine
    };

    int width() const { return f_.P.row(); }
    int64_t block_size() const { return int64_t(n_angle_) * width(); }

    // Calls f(angle, number of angles); angle(A, a, v): factor A of features v, v + 1, ... of angle a.
    template <class F>
    void angles(const F& f) const {
        if (f_.paired)
            f([](const T* A, int, int v) { return load(A + v); }, 1);
        else
            f([](const T* A, int a, int) { return splat(A[a]); }, n_angle_);
    }

    // Derivative of the cosine at the centre by D_i, where `other` is the other neighbour.
    static void turn(const Neighbors<T>& n, int i, int other, T cosine, T* out) {
        const T per_r = T(1 / n.r[i]);
        out[0] = (n.x[other] - cosine * n.x[i]) * per_r;
        out[1] = (n.y[other] - cosine * n.y[i]) * per_r;
        out[2] = (n.z[other] - cosine * n.z[i]) * per_r;
    }

    // With slopes, calls f for each triple that counts, with its factors in the scratch; without, for
    // runs of up to W of them that count in one block: f(block, first, last), their rows in A and U.
    template <bool Slopes, class F>
    void each(const Sample& sample, Scratch& s, const F& f) const {
        Neighbors<T>& n = s.neighbors;
        sample.each_center([&](int64_t center, int64_t base) {
            n.read(sample.pairs, center, base, f_.P.end());
            s.P.resize(size_t(n.size) * width());
            if (Slopes) s.dP.resize(s.P.size());
            copy_padded(s);
            f_.P.evaluate(n.r.data(), n.size, s.P.data(), Slopes ? s.dP.data() : nullptr);
            for (int j = 0; j < n.size; ++j) {
                const size_t at =
                    (size_t(n.center) * n_species_ + n.species[j]) * n_species_;  // and species of k
                const int found = choose(s, j, block_.data() + at);
                for (int c = 0; c < found; c += W) {
                    const int count = std::min(W, found - c);
                    double side[W];
                    tables<Slopes>(s, j, s.chosen.data() + c, count, side);
                    const int* k = s.chosen.data() + c;
                    auto block = [&](int i) { return block_[at + n.species[k[i]]]; };
                    for (int i = 0, first = 0; i < count; ++i) {
                        combine<Slopes>(s, j, k[i], i, side[i], weight_[at + n.species[k[i]]]);
                        if constexpr (Slopes) {
                            const int64_t row = int64_t(i) * f_.A.row();
                            f(Triple{j, k[i], block(i), s.cosine[k[i]], s.A.get() + row, s.dA.get() + row});
                        } else if (i + 1 == count || block(i + 1) != block(i)) {
                            f(block(i), first, i + 1);
                            first = i + 1;
                        }
                    }
                }
            }
        });
    }

    static void copy_padded(Scratch& s) {
        const Neighbors<T>& n = s.neighbors;
        const size_t size = size_t(padded<T>(n.size));
        if (s.x.size() < size) {
            for (auto* column : {&s.x, &s.y, &s.z, &s.r, &s.cosine, &s.square})
                *column = Buffer<T>(2 * size);
            s.chosen.resize(2 * size);
        }
        std::copy_n(n.x.data(), n.size, s.x.get());
        std::copy_n(n.y.data(), n.size, s.y.get());
        std::copy_n(n.z.data(), n.size, s.z.get());
        for (int k = 0; k < n.size; ++k) s.r[k] = T(n.r[k]);
    }

    // Cosines and distances of the pairs (j, k > j), and those k that count; how many.
    // block: of j and each species of k.
    int choose(Scratch& s, int j, const int64_t* block) const {
        const Neighbors<T>& n = s.neighbors;
        const V x = splat(s.x[j]), y = splat(s.y[j]), z = splat(s.z[j]), r = splat(s.r[j]);
        T *cosine = s.cosine.get(), *square = s.square.get();
        for (int k = (j + 1) / W * W; k < n.size; k += W) {
            const V rk = load(s.r.get() + k);
            const V c = x * load(s.x.get() + k) + y * load(s.y.get() + k) + z * load(s.z.get() + k);
            store<T>(cosine + k, c);
            store<T>(square + k, r * r + rk * rk - T(2) * r * rk * c);
        }
        const T end = f_.Q ? T(f_.Q->end() * f_.Q->end()) : std::numeric_limits<T>::infinity();
        int* chosen = s.chosen.data();
        int found = 0;
        for (int species = n.species[j]; species < n_species_; ++species)
            if (block[species] >= 0)
                for (int k = std::max(j + 1, n.first[species]); k < n.first[species + 1]; ++k) {
                    chosen[found] = k;
                    found += square[k] < end;
                }
        return found;
    }

    // A, Q, S of some triples (j, k), and their r_jk.
    template <bool Slopes>
    void tables(Scratch& s, int j, const int* k, int count, double* side) const {
        const Neighbors<T>& n = s.neighbors;
        double place[W];
        T by_cosine[W];
        for (int i = 0; i < count; ++i) {
            side[i] = std::sqrt(std::max(double(s.square[k[i]]), 1e-12));
            place[i] = 1 + double(s.cosine[k[i]]);
        }
        if (f_.theta)
            for (int i = 0; i < count; ++i) place[i] = theta(n, j, k[i], s.cosine[k[i]], by_cosine[i]);
        f_.A.evaluate(place, count, s.A.get(), Slopes ? s.dA.get() : nullptr);
        if (Slopes && f_.theta)
            for (int i = 0; i < count; ++i)
                for (T *at = s.dA.get() + i * f_.A.row(), *end = at + f_.A.row(); at < end; at += W)
                    store<T>(at, by_cosine[i] * load(at));
        if (f_.Q) f_.Q->evaluate(side, count, s.Q.get(), Slopes ? s.dQ.get() : nullptr);
        if (!f_.S) return;
        for (int i = 0; i < count; ++i) place[i] = 0.5 * (n.r[j] + n.r[k[i]]);
        f_.S->evaluate(place, count, s.S.get(), Slopes ? s.dS.get() : nullptr);
    }

    // The angle, and its slope by the cosine.
    static double theta(const Neighbors<T>& n, int j, int k, T cosine, T& by_cosine) {
        const T x = n.y[j] * n.z[k] - n.z[j] * n.y[k], y = n.z[j] * n.x[k] - n.x[j] * n.z[k],
                z = n.x[j] * n.y[k] - n.y[j] * n.x[k], sine = std::sqrt(x * x + y * y + z * z);
        // The gradient of theta has a length of 1/r but no direction where the sine vanishes.
        by_cosine = sine > 1000 * std::numeric_limits<T>::epsilon() ? -1 / sine : T(0);
        return std::atan2(double(sine), double(cosine));
    }

    // U_e of the i-th of these triples, and its slopes.
    template <bool Slopes>
    void combine(Scratch& s, int j, int k, int i, double d, double weight) const {
        const Neighbors<T>& n = s.neighbors;
        const double rj = n.r[j], rk = n.r[k];
        double w = weight, by_distance[3] = {0, 0, 0};
        if (f_.shape) {
            const double r[3] = {rj, rk, d};
            w *= f_.shape->evaluate(r, by_distance);
        }
        const int width = this->width();
        const T *Pj = s.P.data() + size_t(j) * width, *Pk = s.P.data() + size_t(k) * width,
                *Q = s.Q.get() + i * width, *S = s.S.get() + i * width;
        T* U = s.U.get() + (Slopes ? 0 : i * width);
        const V w_ = splat(T(w));
        if constexpr (!Slopes) {
            for (int v = 0; v < width; v += W)
                store<T>(U + v, w_ * load(Pj + v) * load(Pk + v) * load(Q + v) * load(S + v));
            return;
        }
        // Slopes of r_jk by r_ij, r_ik and the cosine.
        const double cosine = s.cosine[k], per_d = 1 / d, dj = (rj - rk * cosine) * per_d,
                     dk = (rk - rj * cosine) * per_d, dc = -rj * rk * per_d;
        const V dj_ = splat(T(w * dj)), dk_ = splat(T(w * dk)), dc_ = splat(T(w * dc)),
                wj = splat(T(weight * (by_distance[0] + by_distance[2] * dj))),
                wk = splat(T(weight * (by_distance[1] + by_distance[2] * dk))),
                wc = splat(T(weight * by_distance[2] * dc));
        const T *dPj = s.dP.data() + size_t(j) * width, *dPk = s.dP.data() + size_t(k) * width,
                *dQ = s.dQ.get() + i * width, *dS = s.dS.get() + i * width;
        T *Uj = s.Uj.get(), *Uk = s.Uk.get(), *Uc = s.Uc.get();
        for (int v = 0; v < width; v += W) {
            const V pj = load(Pj + v), pk = load(Pk + v), p = pj * pk, q = load(Q + v),
                    m = load(S + v), qm = q * m, u = p * qm, by_d = p * load(dQ + v) * m,
                    by_mean = T(0.5) * w_ * p * q * load(dS + v), wqm = w_ * qm;
            store<T>(U + v, w_ * u);
            store<T>(Uj + v, wqm * load(dPj + v) * pk + by_mean + dj_ * by_d + wj * u);
            store<T>(Uk + v, wqm * load(dPk + v) * pj + by_mean + dk_ * by_d + wk * u);
            store<T>(Uc + v, dc_ * by_d + wc * u);
        }
    }

    // f(a, e, place in the row) for the features of a block.
    template <class F>
    void each_feature(int64_t block, const F& f) const {
        const int64_t by_a = f_.angles_last ? 1 : f_.n_pair, by_e = f_.angles_last ? n_angle_ : 1;
        const int64_t first = block * n_angle_ * f_.n_pair;
        for (int a = 0; a < n_angle_; ++a)
            for (int e = 0; e < f_.n_pair; ++e) f(a, e, first + a * by_a + e * by_e);
    }
    void unpad(const Scratch& s, T* row) const {
        const T* from = s.sums.get();
        for (int64_t b = 0; b < n_blocks_; ++b, from += block_size())
            each_feature(b, [&](int a, int e, int64_t to) { row[to] = from[a * width() + e]; });
    }
    void pad(const T* row, Scratch& s) const {
        T* to = s.sums.get();
        for (int64_t b = 0; b < n_blocks_; ++b, to += block_size())
            each_feature(b, [&](int a, int e, int64_t from) { to[a * width() + e] = row[from]; });
    }
    static void clear(Scratch& s) { std::fill_n(s.sums.get(), s.sums.size(), T(0)); }

    Factors f_;
    int n_species_, n_blocks_, n_angle_;
    std::vector<int64_t> block_;
    std::vector<double> weight_;
};

}  // namespace vicinal
