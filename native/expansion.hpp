// The neighbour density of one sample in radial functions times spherical harmonics:
//
//     c[species][lm][n] = sum_j R_nl(r_j) Y_lm(r_j / |r_j|)  +  the centre's own term
//
// Neighbours are taken a chunk at a time, sorted by species, so that scratch memory stays in cache
// whatever their number; a chunk is expanded with one spline row per neighbour (SIMD over n) and
// harmonics of several neighbours at once (SIMD over neighbours).
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "harmonics.hpp"
#include "pairs.hpp"
#include "radial_table.hpp"
#include "simd.hpp"

namespace vicinal {

template <class T>
class Expansion {
public:
    using V = vec<T>;
    static constexpr int W = Simd<T>::width;
    static constexpr int chunk_size = 64;  // neighbours expanded at a time

    // center: [n_max], the centre's own R_n0(0), which counts in its own species' channel. A table
    // of one row for all l serves radial functions that do not depend on l.
    Expansion(RadialTable<T> table, int l_max, int n_max, int n_species, const double* center)
        : l_max_(l_max), np_(padded<T>(n_max)), step_(table.row() == np_ ? 0 : np_),
          n_species_(n_species), table_(std::move(table)), harmonics_(l_max), center_(np_, T(0)) {
        const double y00 = 0.5 / std::sqrt(std::acos(-1.0));
        for (int n = 0; n < n_max; ++n) center_[n] = T(center[n] * y00);
    }

    int n_species() const { return n_species_; }
    int lm() const { return harmonics_.size(); }
    size_t coefficients() const { return size_t(lm()) * np_; }  // of one species

    struct Scratch {
        // Each species begins a new batch of W neighbours.
        explicit Scratch(const Expansion& e, size_t lanes)
            : raw(chunk_size), r(lanes), x(lanes), y(lanes), z(lanes), inverse(lanes),
              selected(lanes), first(e.n_species_), last(e.n_species_), R(lanes * e.table_.row()),
              dR(lanes * e.table_.row()), Y(lanes * e.lm()), dY(size_t(W) * e.lm() * 3),
              turned(2 * size_t(W) * e.table_.row()), work(e.harmonics_.scratch()),
              c(e.n_species_ * e.coefficients()), present(e.n_species_) {}
        explicit Scratch(const Expansion& e)
            : Scratch(e, chunk_size + W * size_t(std::min(e.n_species_, int(chunk_size)))) {}
        struct Raw {
            double r;
            int64_t pair, selected;
        };
        std::vector<Raw> raw;           // the chunk as read
        bool single = false;            // is the whole sample here, slopes too?
        std::vector<double> r;          // distances
        Buffer<T> x, y, z, inverse;     // unit vectors, 1 / r
        std::vector<int64_t> selected;  // number of each pair among the selected pairs
        std::vector<int> first, last;   // the neighbours of each species
        Buffer<T> R, dR, Y;
        Buffer<T> dY;                   // of W neighbours: more would not stay in L1
        Buffer<T> turned;               // R and dR of W neighbours, [l][n][neighbour]
        Buffer<T> work;
        Buffer<T> c;                    // [species][lm][n]; defined where present
        std::vector<uint8_t> present;   // [species]
    };

    // Marks the species within reach; cheaper than expanding.
    void find_present(const PairsView& p, int64_t sample, Scratch& s) const {
        std::fill(s.present.begin(), s.present.end(), 0);
        for (int64_t k = p.samples[sample]; k < p.samples[sample + 1]; ++k) {
            s.present[p.species[p.centers[k]]] = 1;
            for (int64_t q = p.start[k]; q < p.stop[k]; ++q)
                if (distance(p, q) <= table_.end()) s.present[p.species[p.j[q]]] = 1;
        }
    }

    // s.c and s.present. With slopes, derivatives are expanded too, for the verbs below, whose
    // selected pairs of the sample begin at `base`.
    void coefficients(const PairsView& p, int64_t sample, int64_t base, Scratch& s,
                      bool slopes) const {
        std::fill(s.present.begin(), s.present.end(), 0);
        const T weight = scale(p, sample);
        for (int64_t k = p.samples[sample]; k < p.samples[sample + 1]; ++k) {
            T* c = touch(s, p.species[p.centers[k]]);
            for (int n = 0; n < np_; ++n) c[n] += weight * center_[n];
        }
        int chunks = 0;
        each_chunk(p, sample, base, s, slopes, [&] {
            ++chunks;
            each_run(s, [&](int species, int first, int last) {
                accumulate(s.R.get(), s.Y.get(), first, last, touch(s, species));
            });
        });
        if (chunks == 0) sort(p, s, 0);
        s.single = slopes && chunks <= 1;
    }

    // Adds the pullback of g [species][lm][n] to the selected pairs of the sample, which begin at
    // `base`. To be called after coefficients(..., slopes = true).
    void backward(const PairsView& p, int64_t sample, int64_t base, const T* g, Scratch& s,
                  double* out) const {
        again(p, sample, base, s, [&] {
            each_batch(s, [&](int species, int first, int last) {
                pull(s, first, last, g + species * coefficients(), out);
            });
        });
    }

    // dc [species][lm][n] of a tangent of the selected pairs; defined where present.
    void tangent(const PairsView& p, int64_t sample, int64_t base, const double* t, Scratch& s,
                 T* dc) const {
        for (int q = 0; q < n_species_; ++q)
            if (s.present[q]) std::fill(dc + q * coefficients(), dc + (q + 1) * coefficients(), T(0));
        again(p, sample, base, s, [&] {
            // Y is used up first, with the parts of the tangents along the pair vectors ...
            each_run(s, [&](int species, int first, int last) {
                for (int j = first; j < last; ++j) {
                    const double* tj = t + 3 * s.selected[j];
                    const T dr = T(tj[0]) * s.x[j] + T(tj[1]) * s.y[j] + T(tj[2]) * s.z[j];
                    T* slope = s.dR.get() + size_t(j) * table_.row();
                    for (int k = 0; k < table_.row(); ++k) slope[k] *= dr;
                }
                accumulate(s.dR.get(), s.Y.get(), first, last, dc + species * coefficients());
            });
            // ... and then replaced by its derivative along their parts across.
            each_batch(s, [&](int species, int first, int last) {
                T u[3][W] = {};
                for (int j = first; j < last; ++j) {
                    const double* tj = t + 3 * s.selected[j];
                    const T unit[3] = {s.x[j], s.y[j], s.z[j]};
                    const T dr = T(tj[0]) * unit[0] + T(tj[1]) * unit[1] + T(tj[2]) * unit[2];
                    for (int a = 0; a < 3; ++a)
                        u[a][j - first] = (T(tj[a]) - dr * unit[a]) * s.inverse[j];
                }
                const T* d = s.dY.get();
                const size_t direction = size_t(lm()) * W;
                for (size_t k = 0; k < direction; k += W)
                    store<T>(s.Y.get() + at(first) + k,
                             load(u[0]) * load(d + k) + load(u[1]) * load(d + direction + k) +
                                 load(u[2]) * load(d + 2 * direction + k));
                accumulate(s.R.get(), s.Y.get(), first, last, dc + species * coefficients());
            });
        });
    }

    // For each pair in reach and each direction: emit(selected pair, species, direction, dc), with
    // dc [lm][n] in the pair's species alone. dc: room for coefficients().
    template <class Emit>
    void jacobian(const PairsView& p, int64_t sample, int64_t base, Scratch& s, T* dc,
                  const Emit& emit) const {
        again(p, sample, base, s, [&] {
            each_batch(s, [&](int species, int first, int last) {
                for (int j = first; j < last; ++j)
                    for (int a = 0; a < 3; ++a) {
                        one_pair(s, j, a, dc);
                        emit(s.selected[j], species, a, dc);
                    }
            });
        });
    }

private:
    static double distance(const PairsView& p, int64_t q) {
        const double* d = p.D + 3 * q;
        return std::sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
    }
    // Samples of several centres are averages of their densities.
    static T scale(const PairsView& p, int64_t sample) {
        return T(1) / T(p.samples[sample + 1] - p.samples[sample]);
    }
    // Where the harmonics of neighbour j begin in Y; they are W apart.
    size_t at(int j) const { return size_t(unsigned(j) / W * unsigned(lm())) * W + unsigned(j) % W; }

    T* touch(Scratch& s, int species) const {
        T* c = s.c.get() + species * coefficients();
        if (!s.present[species]) std::fill(c, c + coefficients(), T(0));
        s.present[species] = 1;
        return c;
    }

    // Reads the sample's pairs in reach, a chunk at a time, expands each chunk and calls f.
    template <class F>
    void each_chunk(const PairsView& p, int64_t sample, int64_t base, Scratch& s, bool slopes,
                    const F& f) const {
        const T weight = scale(p, sample);
        int n = 0;
        auto flush = [&] {
            sort(p, s, n);
            expand(s, weight, slopes);
            f();
            n = 0;
        };
        for (int64_t k = p.samples[sample]; k < p.samples[sample + 1]; ++k)
            for (int64_t q = p.start[k]; q < p.stop[k]; ++q, ++base) {
                const double r = distance(p, q);
                if (r > table_.end()) continue;
                if (n == chunk_size) flush();
                s.raw[n++] = {r, q, base};
            }
        if (n) flush();
    }

    // The same once more with slopes, unless all of it is still there.
    template <class F>
    void again(const PairsView& p, int64_t sample, int64_t base, Scratch& s, const F& f) const {
        s.single ? f() : each_chunk(p, sample, base, s, true, f);
    }

    // Counting sort of n raw neighbours by species, and their unit vectors.
    void sort(const PairsView& p, Scratch& s, int n) const {
        auto species = [&](int j) { return p.species[p.j[s.raw[j].pair]]; };
        std::fill(s.last.begin(), s.last.end(), 0);
        for (int j = 0; j < n; ++j) ++s.last[species(j)];
        for (int q = 0, at = 0; q < n_species_; ++q) {
            const int count = s.last[q];
            s.first[q] = s.last[q] = at;
            at += (count + W - 1) / W * W;
        }
        for (int j = 0; j < n; ++j) {
            const auto& one = s.raw[j];
            const int to = s.last[species(j)]++;
            const double *d = p.D + 3 * one.pair, inverse = 1 / one.r;
            s.r[to] = one.r, s.selected[to] = one.selected, s.inverse[to] = T(inverse);
            s.x[to] = T(d[0] * inverse), s.y[to] = T(d[1] * inverse), s.z[to] = T(d[2] * inverse);
        }
    }

    void expand(Scratch& s, T weight, bool slopes) const {
        const size_t row = table_.row();
        each_run(s, [&](int, int first, int last) {
            for (int j = first; j < last; ++j)
                table_.evaluate(s.r[j], weight, s.R.get() + j * row,
                                slopes ? s.dR.get() + j * row : nullptr);
            for (int j = first; j < last; j += W) harmonics(s, j, nullptr);
        });
    }

    // Of the W neighbours from j on.
    void harmonics(Scratch& s, int j, T* dY) const {
        harmonics_.evaluate(load(s.x.get() + j), load(s.y.get() + j), load(s.z.get() + j),
                            s.Y.get() + at(j), dY, s.work.get());
    }

    // Calls f(species, first, last) for the neighbours of one species after the other.
    template <class F>
    void each_run(const Scratch& s, const F& f) const {
        for (int q = 0; q < n_species_; ++q)
            if (s.first[q] < s.last[q]) f(q, s.first[q], s.last[q]);
    }

    // The same for at most W neighbours at a time, with their grad Y in s.dY. For that Y is computed
    // a second time, which costs less than to fetch what could have been kept.
    template <class F>
    void each_batch(Scratch& s, const F& f) const {
        each_run(s, [&](int species, int first, int last) {
            for (int j = first; j < last; j += W) {
                harmonics(s, j, s.dY.get());
                f(species, j, std::min(j + W, last));
            }
        });
    }

    // c[lm][n] += sum of R[j][l][n] Y[j][lm] over neighbours first..last. Sums stay in registers.
    void accumulate(const T* R, const T* Y, int first, int last, T* c) const {
        const int row = table_.row();
        for (int l = 0; l <= l_max_; ++l)
            for (int v = 0; v < np_; v += W)
                tiles(2 * l + 1, [&](auto tile, int m) VICINAL_INLINE {
                    constexpr int M = decltype(tile)::value;
                    T* cm = c + size_t(l * l + m) * np_ + v;
                    V acc[M];
                    for (int i = 0; i < M; ++i) acc[i] = load(cm + i * np_);
                    for (int j = first; j < last; ++j) {
                        const V radial = load(R + size_t(j) * row + l * step_ + v);
                        const T* y = Y + at(j) + (l * l + m) * W;
                        for (int i = 0; i < M; ++i) acc[i] += y[i * W] * radial;
                    }
                    for (int i = 0; i < M; ++i) store<T>(cm + i * np_, acc[i]);
                });
    }

    // Pullback of g [lm][n] to the vectors of a batch of neighbours, one in each SIMD lane.
    void pull(Scratch& s, int first, int last, const T* g, double* out) const {
        const int row = table_.row();
        T *R = s.turned.get(), *dR = R + size_t(row) * W;
        for (int k = 0; k < row; k += W) {
            transpose<T>(s.R.get() + size_t(first) * row + k, row, R + k * W, W);
            transpose<T>(s.dR.get() + size_t(first) * row + k, row, dR + k * W, W);
        }
        const T *Y = s.Y.get() + at(first), *dY = s.dY.get();
        const size_t direction = size_t(lm()) * W;
        V stretch = splat<T>(0), sums[3] = {stretch, stretch, stretch};
        for (int l = 0; l <= l_max_; ++l) {
            const T *Rl = R + size_t(l) * step_ * W, *dRl = dR + size_t(l) * step_ * W;
            tiles<4>(2 * l + 1, [&](auto tile, int m) VICINAL_INLINE {
                constexpr int M = decltype(tile)::value;
                const T* gm = g + size_t(l * l + m) * np_;
                V value[M] = {}, slope[M] = {};  // sum over n of g and R, of g and dR
                for (int n = 0; n < np_; ++n) {
                    const V r = load(Rl + n * W), dr = load(dRl + n * W);
                    for (int i = 0; i < M; ++i) {
                        value[i] += gm[i * np_ + n] * r;
                        slope[i] += gm[i * np_ + n] * dr;
                    }
                }
                for (int i = 0; i < M; ++i) {
                    const size_t k = size_t(l * l + m + i) * W;
                    stretch += slope[i] * load(Y + k);
                    for (int c = 0; c < 3; ++c) sums[c] += value[i] * load(dY + c * direction + k);
                }
            });
        }
        const V unit[3] = {load(s.x.get() + first), load(s.y.get() + first), load(s.z.get() + first)};
        const V inverse = load(s.inverse.get() + first);
        // grad Y is the gradient of the solid harmonic without its radial part, over |r|.
        const V solid = sums[0] * unit[0] + sums[1] * unit[1] + sums[2] * unit[2];
        for (int c = 0; c < 3; ++c) {
            const V gradient = stretch * unit[c] + (sums[c] - solid * unit[c]) * inverse;
            for (int j = first; j < last; ++j)
                out[3 * s.selected[j] + c] += double(gradient[j - first]);
        }
    }

    // dc [lm][n] as neighbour j moves in direction a.
    void one_pair(const Scratch& s, int j, int a, T* dc) const {
        const T *R = s.R.get() + size_t(j) * table_.row(), *dR = s.dR.get() + size_t(j) * table_.row();
        const T *Y = s.Y.get() + at(j), *dY = s.dY.get() + j % W;
        const size_t direction = size_t(lm()) * W;
        const T unit[3] = {s.x[j], s.y[j], s.z[j]};
        for (int l = 0, k = 0; l <= l_max_; ++l)
            for (; k < (l + 1) * (l + 1); ++k) {
                const T turn = (dY[a * direction + k * W] - T(l) * unit[a] * Y[k * W]) * s.inverse[j];
                const T stretch = unit[a] * Y[k * W];
                for (int v = 0; v < np_; v += W)
                    store<T>(dc + size_t(k) * np_ + v, stretch * load(dR + l * step_ + v) +
                                                           turn * load(R + l * step_ + v));
            }
    }

    int l_max_, np_, step_, n_species_;  // step_: from one l to the next in a row of the table
    RadialTable<T> table_;
    Harmonics<T> harmonics_;
    std::vector<T> center_;
};

}  // namespace vicinal
