// The diagonal of the power spectrum of density coefficients,
//
//     p[pair (a, b)][l][n] = sum_m c_a[lm][n] c_b[lm][n]
//
// By the addition theorem these are the sums over pairs of neighbours
// (2l + 1)/(4 pi) sum_jk u_n(r_j) u_n(r_k) P_l(cos jk): all that angular functions polynomial in the
// cosine need, at a cost linear in the neighbours.
#pragma once
#include <utility>
#include <vector>

#include "simd.hpp"

namespace vicinal {

template <class T>
class DiagonalSpectrum {
public:
    using V = vec<T>;
    static constexpr int W = Simd<T>::width;

    struct Block {
        int a, b;
        int64_t offset, size;
    };

    DiagonalSpectrum(int l_max, int n_max, const std::vector<std::pair<int, int>>& pairs)
        : l_max_(l_max), n_max_(n_max), np_(padded<T>(n_max)) {
        for (auto [a, b] : pairs) {
            blocks_.push_back({a, b, n_features_, int64_t(l_max + 1) * n_max});
            n_features_ += blocks_.back().size;
        }
    }

    int64_t n_features() const { return n_features_; }
    const std::vector<Block>& blocks() const { return blocks_; }
    size_t scratch() const { return size_t(np_); }

    void forward(const Block& block, const T* c, T* out, int64_t, T* work) const {
        product<false>(of(c, block.a), of(c, block.b), out, work);
    }
    void tangent(const Block& block, const T* c, const T* dc, T* out, int64_t, T* work) const {
        product<false>(of(dc, block.a), of(c, block.b), out, work);
        product<true>(of(c, block.a), of(dc, block.b), out, work);
    }
    // g += the pullback of a block's cotangent.
    void backward(const Block& block, const T* c, const T* cotangent, T* g, T* work) const {
        for (int l = 0; l <= l_max_; ++l) {
            std::copy_n(cotangent + size_t(l) * n_max_, n_max_, work);
            for (int lm = l * l; lm < (l + 1) * (l + 1); ++lm)
                for (int v = 0; v < np_; v += W) {
                    const size_t k = size_t(lm) * np_ + v;
                    T *ga = of(g, block.a) + k, *gb = of(g, block.b) + k;
                    const V w = load(work + v);
                    store<T>(ga, load(ga) + w * load(of(c, block.b) + k));
                    store<T>(gb, load(gb) + w * load(of(c, block.a) + k));
                }
        }
    }

private:
    template <class U>
    U* of(U* c, int channel) const {
        return c + size_t(channel) * (l_max_ + 1) * (l_max_ + 1) * np_;
    }

    template <bool Add>
    void product(const T* A, const T* B, T* out, T* work) const {
        for (int l = 0; l <= l_max_; ++l, out += n_max_) {
            for (int v = 0; v < np_; v += W) {
                V sum = splat<T>(0);
                for (int lm = l * l; lm < (l + 1) * (l + 1); ++lm)
                    sum += load(A + size_t(lm) * np_ + v) * load(B + size_t(lm) * np_ + v);
                store<T>(work + v, sum);
            }
            for (int n = 0; n < n_max_; ++n) out[n] = Add ? out[n] + work[n] : work[n];
        }
    }

    int l_max_, n_max_, np_;
    std::vector<Block> blocks_;
    int64_t n_features_ = 0;
};

}  // namespace vicinal
