// The neighbour density of one sample in radial functions times spherical harmonics:
//
//     c[species][lm][n] = sum_j R_nl(r_j) Y_lm(r_j / |r_j|)  +  the centre's own term
//
// Neighbours are taken a chunk at a time, sorted by species, so that scratch memory stays in cache
// whatever their number; a chunk is expanded with one spline row per neighbour (SIMD over n) and
// harmonics of several neighbours at once (SIMD over neighbours).
#pragma once
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

    // center: [n_max], the centre's own R_n0(0), which counts in its own species' channel.
    Expansion(RadialTable<T> table, int l_max, int n_max, int n_species, const double* center)
        : l_max_(l_max), np_(padded<T>(n_max)), n_species_(n_species), table_(std::move(table)),
          harmonics_(l_max), center_(np_, T(0)) {
        const double y00 = 0.5 / std::sqrt(std::acos(-1.0));
        for (int n = 0; n < n_max; ++n) center_[n] = T(center[n] * y00);
    }

    int n_species() const { return n_species_; }
    int lm() const { return harmonics_.size(); }
    size_t coefficients() const { return size_t(lm()) * np_; }  // of one species

    struct Scratch {
        explicit Scratch(const Expansion& e)
            : raw(chunk_size), r(chunk_size), x(chunk_size + W), y(chunk_size + W),
              z(chunk_size + W), inverse(chunk_size), selected(chunk_size), run(e.n_species_ + 1), R(size_t(chunk_size) * e.table_.row()),
              dR(size_t(chunk_size) * e.table_.row()), Y(size_t(chunk_size + W) * e.lm()),
              dY(size_t(chunk_size + W) * e.lm() * 3), work(e.harmonics_.scratch()),
              c(e.n_species_ * e.coefficients()), present(e.n_species_) {}
        struct Raw {
            double r;
            int64_t pair, selected;
        };
        std::vector<Raw> raw;                  // the chunk as read
        int n = 0;                             // neighbours in the chunk
        bool single = false;                   // is the whole sample here, slopes too?
        std::vector<double> r;                 // distances
        Buffer<T> x, y, z;                     // unit vectors
        std::vector<T> inverse;                // 1 / r
        std::vector<int64_t> selected;         // number of each pair among the selected pairs
        std::vector<int> run;                  // where each species begins in the chunk
        Buffer<T> R, dR, Y, dY, work;
        Buffer<T> c;                           // [species][lm][n]; defined where present
        std::vector<uint8_t> present;          // [species]
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
        s.single = slopes && chunks <= 1;
    }

    // Pullback of g [species][lm][n] to the selected pairs of the sample, which begin at `base`.
    // To be called after coefficients(..., slopes = true). Pairs out of reach keep their zeros.
    void backward(const PairsView& p, int64_t sample, int64_t base, const T* g, Scratch& s,
                  double* out) const {
        again(p, sample, base, s, [&] {
            each_run(s, [&](int species, int first, int last) {
                const T* gs = g + species * coefficients();
                int j = first;
                for (; j + 1 < last; j += 2) pull<2>(s, j, gs, out);
                if (j < last) pull<1>(s, j, gs, out);
            });
        });
    }

    // dc [species][lm][n] of a tangent of the selected pairs; defined where present.
    void tangent(const PairsView& p, int64_t sample, int64_t base, const double* t, Scratch& s,
                 T* dc) const {
        for (int q = 0; q < n_species_; ++q)
            if (s.present[q]) std::fill(dc + q * coefficients(), dc + (q + 1) * coefficients(), T(0));
        Buffer<T>& along = s.Y;  // Y is used up first, then holds grad Y along the tangent
        again(p, sample, base, s, [&] {
            T u[3][chunk_size];
            for (int j = 0; j < s.n; ++j) {
                const double* tj = t + 3 * s.selected[j];
                const T dr = T(tj[0]) * s.x[j] + T(tj[1]) * s.y[j] + T(tj[2]) * s.z[j];
                u[0][j] = (T(tj[0]) - dr * s.x[j]) * s.inverse[j];
                u[1][j] = (T(tj[1]) - dr * s.y[j]) * s.inverse[j];
                u[2][j] = (T(tj[2]) - dr * s.z[j]) * s.inverse[j];
                T* slope = s.dR.get() + size_t(j) * table_.row();
                for (int k = 0; k < table_.row(); ++k) slope[k] *= dr;
            }
            auto add = [&](const T* R) {
                each_run(s, [&](int species, int first, int last) {
                    accumulate(R, s.Y.get(), first, last, dc + species * coefficients());
                });
            };
            add(s.dR.get());
            for (int j = 0; j < s.n; ++j)
                for (int k = 0; k < lm(); ++k) {
                    const T* d = slopes(s, j) + size_t(k) * W;
                    along[at(j) + size_t(k) * W] = u[0][j] * d[0] + u[1][j] * d[size_t(lm()) * W] +
                                      u[2][j] * d[size_t(lm()) * W * 2];
                }
            add(s.R.get());
        });
    }

    // For each pair in reach and each direction: emit(selected pair, species, direction, dc), with
    // dc [lm][n] in the pair's species alone. dc: room for coefficients().
    template <class Emit>
    void jacobian(const PairsView& p, int64_t sample, int64_t base, Scratch& s, T* dc,
                  const Emit& emit) const {
        again(p, sample, base, s, [&] {
            each_run(s, [&](int species, int first, int last) {
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
    // Where the harmonics of neighbour j begin in Y; they are W apart. In dY: batch() * 3 + lane.
    size_t at(int j) const { return size_t(unsigned(j) / W * unsigned(lm())) * W + unsigned(j) % W; }
    size_t batch(int j) const { return size_t(unsigned(j) / W * unsigned(lm())) * W; }
    const T* slopes(const Scratch& s, int j) const { return s.dY.get() + 3 * batch(j) + j % W; }

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
        s.n = 0;
        auto flush = [&] {
            s.n = n;
            sort(p, s);
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
        if (!s.single) return each_chunk(p, sample, base, s, true, f);
        if (s.n) f();
    }

    // Counting sort of the chunk by species; unit vectors.
    void sort(const PairsView& p, Scratch& s) const {
        std::fill(s.run.begin(), s.run.end(), 0);
        for (int j = 0; j < s.n; ++j) ++s.run[p.species[p.j[s.raw[j].pair]] + 1];
        for (int q = 0; q < n_species_; ++q) s.run[q + 1] += s.run[q];
        for (int j = 0; j < s.n; ++j) {
            const auto& one = s.raw[j];
            const int to = s.run[p.species[p.j[one.pair]]]++;
            const double *d = p.D + 3 * one.pair, inverse = 1 / one.r;
            s.r[to] = one.r, s.selected[to] = one.selected, s.inverse[to] = T(inverse);
            s.x[to] = T(d[0] * inverse), s.y[to] = T(d[1] * inverse), s.z[to] = T(d[2] * inverse);
        }
        for (int q = n_species_; q > 0; --q) s.run[q] = s.run[q - 1];
        s.run[0] = 0;
    }

    void expand(Scratch& s, T weight, bool with_slopes) const {
        const size_t row = table_.row();
        for (int j = 0; j < s.n; ++j)
            table_.evaluate(s.r[j], weight, s.R.get() + j * row,
                            with_slopes ? s.dR.get() + j * row : nullptr);
        for (int j = 0; j < s.n; j += W)
            harmonics_.evaluate(load(s.x.get() + j), load(s.y.get() + j), load(s.z.get() + j),
                                s.Y.get() + at(j), with_slopes ? s.dY.get() + 3 * at(j) : nullptr,
                                s.work.get());
    }

    template <class F>
    void each_run(const Scratch& s, const F& f) const {
        for (int q = 0; q < n_species_; ++q)
            if (s.run[q] < s.run[q + 1]) f(q, s.run[q], s.run[q + 1]);
    }

    // c[lm][n] += sum of R[j][l][n] Y[j][lm] over neighbours first..last. Sums stay in registers.
    void accumulate(const T* R, const T* Y, int first, int last, T* c) const {
        const int row = table_.row();
        for (int l = 0; l <= l_max_; ++l)
            for (int v = 0; v < np_; v += W)
                tiles(2 * l + 1, [&](auto tile, int m) {
                    constexpr int M = decltype(tile)::value;
                    T* cm = c + size_t(l * l + m) * np_ + v;
                    V acc[M];
                    for (int i = 0; i < M; ++i) acc[i] = load(cm + i * np_);
                    for (int j = first; j < last; ++j) {
                        const V radial = load(R + size_t(j) * row + l * np_ + v);
                        const T* y = Y + at(j) + (l * l + m) * W;
                        for (int i = 0; i < M; ++i) acc[i] += y[i * W] * radial;
                    }
                    for (int i = 0; i < M; ++i) store<T>(cm + i * np_, acc[i]);
                });
    }

    // Pullback of g [lm][n] to the vectors of neighbours j .. j + J - 1: several at a time, so that
    // g is loaded once for all and their sums do not wait for each other.
    template <int J>
    void pull(const Scratch& s, int j, const T* g, double* out) const {
        const size_t direction = size_t(lm()) * W;
        const T *Y[J], *dY[J];
        for (int i = 0; i < J; ++i) Y[i] = s.Y.get() + at(j + i), dY[i] = slopes(s, j + i);
        const T* R = s.R.get() + size_t(j) * table_.row();
        const T* dR = s.dR.get() + size_t(j) * table_.row();
        V total[J][4] = {};
        for (int l = 0; l <= l_max_; ++l)
            for (int v = 0; v < np_; v += W) {
                V a[J][4] = {};
                for (int k = l * l; k < (l + 1) * (l + 1); ++k) {
                    const V gk = load(g + size_t(k) * np_ + v);
                    for (int i = 0; i < J; ++i) {
                        a[i][0] += Y[i][k * W] * gk;
                        a[i][1] += dY[i][k * W] * gk;
                        a[i][2] += dY[i][direction + k * W] * gk;
                        a[i][3] += dY[i][2 * direction + k * W] * gk;
                    }
                }
                for (int i = 0; i < J; ++i) {
                    const size_t at = size_t(i) * table_.row() + l * np_ + v;
                    const V value = load(R + at);
                    total[i][0] += a[i][0] * load(dR + at);
                    for (int c = 1; c < 4; ++c) total[i][c] += a[i][c] * value;
                }
            }
        for (int i = 0; i < J; ++i) {
            const T unit[3] = {s.x[j + i], s.y[j + i], s.z[j + i]}, inverse = s.inverse[j + i];
            const T sums[3] = {sum<T>(total[i][1]), sum<T>(total[i][2]), sum<T>(total[i][3])};
            // grad Y is the gradient of the solid harmonic without its radial part, over |r|.
            const T solid = sums[0] * unit[0] + sums[1] * unit[1] + sums[2] * unit[2];
            const T along = sum<T>(total[i][0]) - solid * inverse;
            for (int c = 0; c < 3; ++c)
                out[3 * s.selected[j + i] + c] = double(along * unit[c] + sums[c] * inverse);
        }
    }

    // dc [lm][n] as neighbour j moves in direction a.
    void one_pair(const Scratch& s, int j, int a, T* dc) const {
        const T *R = s.R.get() + size_t(j) * table_.row(), *dR = s.dR.get() + size_t(j) * table_.row();
        const T *Y = s.Y.get() + at(j), *dY = slopes(s, j);
        const size_t direction = size_t(lm()) * W;
        const T unit[3] = {s.x[j], s.y[j], s.z[j]};
        for (int l = 0, k = 0; l <= l_max_; ++l)
            for (; k < (l + 1) * (l + 1); ++k) {
                const T turn = (dY[a * direction + k * W] - T(l) * unit[a] * Y[k * W]) * s.inverse[j];
                const T stretch = unit[a] * Y[k * W];
                for (int v = 0; v < np_; v += W)
                    store<T>(dc + size_t(k) * np_ + v, stretch * load(dR + l * np_ + v) +
                                                           turn * load(R + l * np_ + v));
            }
    }

    int l_max_, np_, n_species_;
    RadialTable<T> table_;
    Harmonics<T> harmonics_;
    std::vector<T> center_;
};

}  // namespace vicinal
