// Real spherical harmonics, orthonormal, without the Condon-Shortley phase, index l*l + l + m, for
// as many unit vectors at once as a SIMD register has lanes.
//
// With (x + iy)^m = c_m + i s_m and the normalised associated Legendre functions q_lm of z,
// Y_lm = q_lm c_m (m >= 0) and q_l|m| s_|m| (m < 0). Gradients are those of the solid harmonics
// r^l Y_lm at the unit vector; their radial part is removed by whoever uses them, since
// grad Y = (1 - r r^T) grad(r^l Y) / |r|.
#pragma once
#include <cmath>
#include <vector>

#include "simd.hpp"

namespace vicinal {

template <class T>
class Harmonics {
public:
    using V = vec<T>;
    static constexpr int W = Simd<T>::width;

    explicit Harmonics(int l_max) : l_max_(l_max) {
        const int n = (l_max + 1) * (l_max + 2) / 2;
        a_.resize(n), b_.resize(n), dz_.resize(n), dxy_.resize(n), qmm_.resize(l_max + 1);
        auto norm = [](int l, int m) {  // of the functions with q_mm = (2m-1)!!
            long double ratio = 1;      // (l-m)! / (l+m)!
            for (int k = l - m + 1; k <= l + m; ++k) ratio /= k;
            const long double pi = std::acos(-1.0L);
            return std::sqrt((m ? 2.0L : 1.0L) * (2 * l + 1) / (4 * pi) * ratio);
        };
        long double double_factorial = 1;
        for (int m = 0; m <= l_max; ++m) {
            if (m) double_factorial *= 2 * m - 1;
            qmm_[m] = T(double_factorial * norm(m, m));
        }
        for (int l = 1; l <= l_max; ++l)
            for (int m = 0; m <= l; ++m) {
                const int k = at(l, m);
                if (m < l) {
                    a_[k] = T((2 * l - 1) * norm(l, m) / (norm(l - 1, m) * (l - m)));
                    dz_[k] = T((l + m) * norm(l, m) / norm(l - 1, m));
                }
                if (m < l - 1) {
                    b_[k] = T(-(l + m - 1) * norm(l, m) / (norm(l - 2, m) * (l - m)));
                    dxy_[k] = T(-norm(l, m) / norm(l - 1, m + 1));
                }
            }
    }

    int size() const { return (l_max_ + 1) * (l_max_ + 1); }
    size_t scratch() const { return size_t(a_.size() + 2 * (l_max_ + 1)) * W; }

    // Y: [lm][W]; dY: [3][lm][W] or null; work: scratch() elements.
    void evaluate(V x, V y, V z, T* Y, T* dY, T* work) const {
        V* q = reinterpret_cast<V*>(work);
        V* c = q + a_.size();
        V* s = c + l_max_ + 1;
        c[0] = splat<T>(1), s[0] = splat<T>(0);
        for (int m = 1; m <= l_max_; ++m) {
            c[m] = x * c[m - 1] - y * s[m - 1];
            s[m] = x * s[m - 1] + y * c[m - 1];
        }
        for (int m = 0; m <= l_max_; ++m) {
            q[at(m, m)] = splat<T>(qmm_[m]);
            if (m < l_max_) q[at(m + 1, m)] = a_[at(m + 1, m)] * z * q[at(m, m)];
            for (int l = m + 2; l <= l_max_; ++l)
                q[at(l, m)] = a_[at(l, m)] * z * q[at(l - 1, m)] + b_[at(l, m)] * q[at(l - 2, m)];
        }
        for (int l = 0; l <= l_max_; ++l) {
            T* row = Y + size_t(l * l + l) * W;
            store<T>(row, q[at(l, 0)]);
            for (int m = 1; m <= l; ++m) {
                store<T>(row + m * W, q[at(l, m)] * c[m]);
                store<T>(row - m * W, q[at(l, m)] * s[m]);
            }
        }
        if (dY) gradients(x, y, q, c, s, dY);
    }

private:
    static int at(int l, int m) { return l * (l + 1) / 2 + m; }

    void gradients(V x, V y, const V* q, const V* c, const V* s, T* dY) const {
        const size_t direction = size_t(size()) * W;
        for (int l = 0; l <= l_max_; ++l)
            for (int m = 0; m <= l; ++m) {
                const int k = at(l, m);
                const V up = m < l - 1 ? dxy_[k] * q[at(l - 1, m + 1)] : splat<T>(0);
                const V z = m < l ? dz_[k] * q[at(l - 1, m)] : splat<T>(0);
                const V turn = m ? T(m) * q[k] : splat<T>(0);
                const V cm = m ? c[m - 1] : splat<T>(0), sm = m ? s[m - 1] : splat<T>(0);
                T* plus = dY + size_t(l * l + l + m) * W;
                store<T>(plus, up * x * c[m] + turn * cm);
                store<T>(plus + direction, up * y * c[m] - turn * sm);
                store<T>(plus + 2 * direction, z * c[m]);
                if (m == 0) continue;
                T* minus = dY + size_t(l * l + l - m) * W;
                store<T>(minus, up * x * s[m] + turn * sm);
                store<T>(minus + direction, up * y * s[m] + turn * cm);
                store<T>(minus + 2 * direction, z * s[m]);
            }
    }

    int l_max_;
    std::vector<T> a_, b_, dz_, dxy_, qmm_;
};

}  // namespace vicinal
