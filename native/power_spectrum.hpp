// Power spectrum of expansion coefficients: p^{ab}_{l n n'} = f_l sum_m c^a_{lm n} c^b_{lm n'}.
//
// Coefficients are [channel][lm][padded n]. Features are [channel pair][l][n][n'], where a channel
// with itself keeps n' >= n. All kernels work on blocks of one channel pair, padded and in cache.
#pragma once
#include <algorithm>
#include <vector>

#include "simd.hpp"

namespace vicinal {

template <class T>
class PowerSpectrum {
public:
    using V = vec<T>;
    static constexpr int W = Simd<T>::width;

    struct Block {
        int a, b;
        bool triangle() const { return a == b; }
        int64_t offset, size;
        T factor;
    };

    // pair_factor multiplies blocks of two different channels, triangle_factor the entries n != n'
    // of a channel with itself.
    PowerSpectrum(int l_max, int n_max, const std::vector<std::pair<int, int>>& pairs,
                  const double* prefactor, double pair_factor, double triangle_factor)
        : l_max_(l_max), n_max_(n_max), np_(padded<T>(n_max)),
          prefactor_(prefactor, prefactor + l_max + 1), triangle_factor_(T(triangle_factor)) {
        for (auto [a, b] : pairs) {
            const int64_t each = a == b ? n_max * (n_max + 1) / 2 : n_max * n_max;
            blocks_.push_back({a, b, n_features_, (l_max + 1) * each, T(a == b ? 1 : pair_factor)});
            n_features_ += blocks_.back().size;
        }
    }

    int64_t n_features() const { return n_features_; }
    const std::vector<Block>& blocks() const { return blocks_; }
    size_t coefficients() const { return size_t((l_max_ + 1) * (l_max_ + 1)) * np_; }
    size_t scratch() const { return 2 * size_t(l_max_ + 1) * n_max_ * np_ + (W + 2) * np_; }

    // One block of features. limit: elements that may be written from `out` on; what is behind the
    // block may be overwritten with anything.
    void forward(const Block& block, const T* c, T* out, int64_t limit, T* work) const {
        if (!block.triangle() && whole_rows(block, limit)) {
            product<false>(of(c, block.a), of(c, block.b), out, n_max_, block.factor);
        } else {
            product<false>(of(c, block.a), of(c, block.b), work, np_);
            pack(block, work, out, limit);
        }
    }

    // The derivative of a block along dc.
    void tangent(const Block& block, const T* c, const T* dc, T* out, int64_t limit, T* work) const {
        product<false>(of(dc, block.a), of(c, block.b), work, np_);
        product<true>(of(c, block.a), of(dc, block.b), work, np_);
        pack(block, work, out, limit);
    }

    // g += the pullback of a block's cotangent.
    void backward(const Block& block, const T* c, const T* cotangent, T* g, T* work) const {
        // Padded rows beyond n_max may hold anything: they are never read.
        T* turned = work + size_t(l_max_ + 1) * n_max_ * np_;
        unpack(block, cotangent, work, turned);
        if (block.triangle()) {
            accumulate(work, of(c, block.a), of(g, block.a));
        } else {
            accumulate(work, of(c, block.a), of(g, block.b));
            accumulate(turned, of(c, block.b), of(g, block.a));
        }
    }

    // Multiply-adds that a block takes, those of the mirrored half of a triangle not counted, for rates.
    int64_t multiply_adds(const Block& block) const {
        return block.size / (l_max_ + 1) * (l_max_ + 1) * (l_max_ + 1);
    }

private:
    template <class U>
    U* of(U* c, int channel) const {
        return c + channel * coefficients();
    }

    // May rows be written where they belong, whole vectors at a time, one behind the other?
    bool whole_rows(const Block& block, int64_t limit) const {
        return n_max_ == np_ || (np_ == W && block.size + W <= limit);
    }

    // P[l][n][n'] (+)= sum_m A[lm][n] B[lm][n'], rows `stride` apart; with a factor also times
    // factor * prefactor[l].
    template <bool Add>
    void product(const T* A, const T* B, T* P, int stride, T factor = 0) const {
        for (int l = 0; l <= l_max_; ++l) {
            const int rows = 2 * l + 1;
            const T *Al = A + size_t(l * l) * np_, *Bl = B + size_t(l * l) * np_;
            T* Pl = P + size_t(l) * n_max_ * stride;
            const T f = factor == 0 ? T(1) : factor * prefactor_[l];
            for (int v = 0; v < np_; v += W)
                tiles(n_max_, [&](auto tile, int n) VICINAL_INLINE {
                    constexpr int N = decltype(tile)::value;
                    V acc[N];
                    for (int k = 0; k < N; ++k)
                        acc[k] = Add ? load(Pl + (n + k) * stride + v) : splat<T>(0);
                    for (int m = 0; m < rows; ++m) {
                        const V b = load(Bl + m * np_ + v);
                        const T* a = Al + m * np_ + n;
                        for (int k = 0; k < N; ++k) acc[k] += a[k] * b;
                    }
                    for (int k = 0; k < N; ++k) store<T>(Pl + (n + k) * stride + v, f * acc[k]);
                });
        }
    }

    // g[lm][v] += sum_k G[l][k][v] c[lm][k]
    void accumulate(const T* G, const T* c, T* g) const {
        for (int l = 0; l <= l_max_; ++l) {
            const T* Gl = G + size_t(l) * n_max_ * np_;
            const T* cl = c + size_t(l * l) * np_;
            T* gl = g + size_t(l * l) * np_;
            for (int v = 0; v < np_; v += W)
                tiles(2 * l + 1, [&](auto tile, int m) VICINAL_INLINE {
                    constexpr int M = decltype(tile)::value;
                    V acc[M];
                    for (int i = 0; i < M; ++i) acc[i] = load(gl + (m + i) * np_ + v);
                    for (int k = 0; k < n_max_; ++k) {
                        const V x = load(Gl + k * np_ + v);
                        for (int i = 0; i < M; ++i) acc[i] += cl[(m + i) * np_ + k] * x;
                    }
                    for (int i = 0; i < M; ++i) store<T>(gl + (m + i) * np_ + v, acc[i]);
                });
        }
    }

    // Rows follow each other without padding; each is written whole vectors at a time, and what it
    // writes too much the next row overwrites. Where there is no room for that, by way of a copy.
    void pack(const Block& block, T* P, T* out, int64_t limit) const {
        const bool room = block.size + np_ <= limit;
        T* const spare = P + size_t(l_max_ + 1) * n_max_ * np_ + np_;
        T* to = room ? out : spare;
        for (int l = 0; l <= l_max_; ++l) {
            const T f = prefactor_[l] * block.factor;
            const V rest = splat<T>(block.triangle() ? f * triangle_factor_ : f);
            V first = rest;  // a row of a triangle begins on the diagonal
            first[0] = f;
            for (int n = 0; n < n_max_; ++n) {
                const int skip = block.triangle() ? n : 0;
                const T* row = P + (size_t(l) * n_max_ + n) * np_ + skip;
                store<T>(to, first * load(row));
                for (int k = W; k < n_max_ - skip; k += W) store<T>(to + k, rest * load(row + k));
                to += n_max_ - skip;
            }
        }
        if (!room) std::copy(spare, spare + block.size, out);
    }

    // The reverse of pack: G[l][n][n'], and turned[l][n'][n]; of a triangle the symmetric matrix.
    void unpack(const Block& block, const T* in, T* G, T* turned) const {
        for (int l = 0; l <= l_max_; ++l) {
            const T f = prefactor_[l] * block.factor;
            T* Gl = G + size_t(l) * n_max_ * np_;
            T* Tl = turned + size_t(l) * n_max_ * np_;
            if (block.triangle()) {
                const T off = f * triangle_factor_;
                for (int n = 0; n < n_max_; ++n) {
                    Gl[n * np_ + n] = 2 * f * *in++;
                    for (int k = n + 1; k < n_max_; ++k)
                        Gl[n * np_ + k] = Gl[k * np_ + n] = off * *in++;
                }
            } else {
                for (int n = 0; n < n_max_; ++n, in += n_max_) {
                    int k = 0;
                    for (; k + W <= n_max_; k += W) store<T>(Gl + n * np_ + k, f * load(in + k));
                    for (; k < n_max_; ++k) Gl[n * np_ + k] = f * in[k];
                }
                for (int n = 0; n < n_max_; n += W)
                    for (int k = 0; k < n_max_; k += W)
                        transpose<T>(Gl + n * np_ + k, np_, Tl + k * np_ + n, np_);
            }
        }
    }

    int l_max_, n_max_, np_;
    std::vector<T> prefactor_;
    T triangle_factor_;
    std::vector<Block> blocks_;
    int64_t n_features_ = 0;
};

}  // namespace vicinal
