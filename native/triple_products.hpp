// Sums of products of three density coefficients of one channel, each radial function by itself:
//
//     b[channel][q][n] = sum over the products of q of  w c[i][n] c[j][n] c[k][n]
//
// With coupling coefficients for w these are bispectra.
#pragma once
#include <algorithm>
#include <stdexcept>
#include <vector>

#include "simd.hpp"

namespace vicinal {

template <class T>
class TripleProducts {
public:
    using V = vec<T>;
    static constexpr int W = Simd<T>::width;

    struct Product {
        int32_t i, j, k;  // lm of the three coefficients
        T w;
    };
    struct Block {
        int a, b;  // the channel, twice
        int64_t offset, size;
    };

    // first [n_invariants + 1]: where the products of each invariant begin.
    TripleProducts(int l_max, int n_max, int n_channels, std::vector<int64_t> first,
                   std::vector<Product> products)
        : lm_((l_max + 1) * (l_max + 1)), n_max_(n_max), np_(padded<T>(n_max)),
          first_(std::move(first)), products_(std::move(products)) {
        if (first_.empty() || first_[0] != 0 || first_.back() != int64_t(products_.size()) ||
            !std::is_sorted(first_.begin(), first_.end()))
            throw std::invalid_argument("first does not fit the products");
        for (const Product& p : products_)
            if (std::min({p.i, p.j, p.k}) < 0 || std::max({p.i, p.j, p.k}) >= lm_)
                throw std::invalid_argument("product of unknown coefficients");
        const int64_t size = int64_t(first_.size() - 1) * n_max;
        for (int c = 0; c < n_channels; ++c) blocks_.push_back({c, c, c * size, size});
    }

    int64_t n_features() const { return blocks_.empty() ? 0 : blocks_.back().offset + blocks_.back().size; }
    const std::vector<Block>& blocks() const { return blocks_; }
    size_t scratch() const { return size_t(np_); }

    void forward(const Block& block, const T* c, T* out, int64_t, T* work) const {
        each(out, work, [&](const Product& p, size_t v) {
            const T* at = of(c, block) + v;
            return p.w * load(at + row(p.i)) * load(at + row(p.j)) * load(at + row(p.k));
        });
    }

    void tangent(const Block& block, const T* c, const T* dc, T* out, int64_t, T* work) const {
        each(out, work, [&](const Product& p, size_t v) {
            const T *at = of(c, block) + v, *d = of(dc, block) + v;
            const V x = load(at + row(p.i)), y = load(at + row(p.j)), z = load(at + row(p.k));
            return p.w * (load(d + row(p.i)) * y * z + x * (load(d + row(p.j)) * z + y * load(d + row(p.k))));
        });
    }

    // g += the pullback of a block's cotangent.
    void backward(const Block& block, const T* c, const T* cotangent, T* g, T* work) const {
        for (size_t q = 0; q + 1 < first_.size(); ++q) {
            std::copy_n(cotangent + q * n_max_, n_max_, work);
            for (int v = 0; v < np_; v += W) {
                const T* at = of(c, block) + v;
                T* to = of(g, block) + v;
                const V cot = load(work + v);
                for (int64_t e = first_[q]; e < first_[q + 1]; ++e) {
                    const Product& p = products_[e];
                    const V w = p.w * cot;
                    const V x = load(at + row(p.i)), y = load(at + row(p.j)), z = load(at + row(p.k));
                    store<T>(to + row(p.i), load(to + row(p.i)) + w * y * z);
                    store<T>(to + row(p.j), load(to + row(p.j)) + w * x * z);
                    store<T>(to + row(p.k), load(to + row(p.k)) + w * x * y);
                }
            }
        }
    }

private:
    size_t row(int lm) const { return size_t(lm) * np_; }
    template <class U>
    U* of(U* c, const Block& block) const {
        return c + size_t(block.a) * lm_ * np_;
    }

    template <class F>
    void each(T* out, T* work, const F& f) const {
        for (size_t q = 0; q + 1 < first_.size(); ++q, out += n_max_) {
            for (int v = 0; v < np_; v += W) {
                V sum = splat<T>(0);
                for (int64_t e = first_[q]; e < first_[q + 1]; ++e) sum += f(products_[e], size_t(v));
                store<T>(work + v, sum);
            }
            std::copy_n(work, n_max_, out);
        }
    }

    int lm_, n_max_, np_;
    std::vector<int64_t> first_;
    std::vector<Product> products_;
    std::vector<Block> blocks_;
};

}  // namespace vicinal
