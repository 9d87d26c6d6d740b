// Matrices U of rotations, for all angular momenta up to one, and how two of them couple to a third.
//
// U^n, n = 2j, is what g = [[a, b], [-b*, a*]] in SU(2) does to polynomials of degree n in two
// variables: with the basis e_k = x^k y^(n-k) / sqrt(k! (n-k)!), m = k - j, e_k(g v) = sum_l
// U_kl e_l(v). Half of its rows are enough: U_(n-k)(n-l) = (-1)^(k-l) conj(U_kl).
// D. A. Varshalovich, A. N. Moskalev, V. K. Khersonskii, Quantum Theory of Angular Momentum (1988),
// sections 4.8 and 8.2.
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "simd.hpp"

namespace vicinal {

// A value and its derivative along one direction, lane by lane.
template <class T>
struct Dual {
    vec<T> v{}, d{};
};
template <class T>
VICINAL_INLINE inline Dual<T> operator+(Dual<T> a, Dual<T> b) {
    return {a.v + b.v, a.d + b.d};
}
template <class T>
VICINAL_INLINE inline Dual<T> operator-(Dual<T> a, Dual<T> b) {
    return {a.v - b.v, a.d - b.d};
}
template <class T>
VICINAL_INLINE inline Dual<T> operator*(Dual<T> a, Dual<T> b) {
    return {a.v * b.v, a.v * b.d + a.d * b.v};
}
template <class T>
VICINAL_INLINE inline Dual<T> operator*(T c, Dual<T> a) {
    return {c * a.v, c * a.d};
}

// Where the matrices of n = 0..n_max are: whole, and the rows k <= n/2 of each.
struct MatrixLayout {
    explicit MatrixLayout(int n_max) : n_max(n_max), whole(n_max + 2), half(n_max + 2) {
        for (int n = 0; n <= n_max; ++n) {
            whole[n + 1] = whole[n] + (n + 1) * (n + 1);
            half[n + 1] = half[n] + (n / 2 + 1) * (n + 1);
        }
    }
    int whole_size() const { return whole.back(); }
    int half_size() const { return half.back(); }
    // f(n, k, l, place among the halves)
    template <class F>
    void each_half(const F& f) const {
        for (int n = 0, at = 0; n <= n_max; ++n)
            for (int k = 0; 2 * k <= n; ++k)
                for (int l = 0; l <= n; ++l) f(n, k, l, at++);
    }
    int n_max;
    std::vector<int> whole, half;  // [n_max + 2]
};

// The halves without the roots of factorials: (a x + b y)^k (-b* x + a* y)^(n-k) =
// sum_l u_kl x^l y^(n-l), times `start`, in W lanes. Each row follows from one of n - 1 by another
// factor. Written to u [half_size][re, im]; each(place, re, im) sees every element.
template <class T, class F>
VICINAL_INLINE inline void rotation_polynomials(int n_max, vec<T> ar, vec<T> ai, vec<T> br,
                                                vec<T> bi, vec<T> start, vec<T>* u, const F& each) {
    using V = vec<T>;
    u[0] = start, u[1] = V{};
    each(0, u[0], u[1]);
    const V* before = u;
    V* now = u + 2;
    int place = 1;
    for (int n = 1; n <= n_max; ++n) {
        const V* level = now;
        for (int k = 0; 2 * k <= n; ++k) {
            const bool middle = 2 * k == n;
            const V* row = before + 2 * (middle ? k - 1 : k) * n;
            const V xr = middle ? ar : -br, xi = middle ? ai : bi;
            const V yr = middle ? br : ar, yi = middle ? bi : -ai;
            V lr{}, li{};
            for (int l = 0; l < n; ++l) {
                const V cr = row[2 * l], ci = row[2 * l + 1];
                const V re = (xr * lr - xi * li) + (yr * cr - yi * ci);
                const V im = (xr * li + xi * lr) + (yr * ci + yi * cr);
                now[0] = re, now[1] = im, now += 2;
                each(place++, re, im);
                lr = cr, li = ci;
            }
            now[0] = xr * lr - xi * li, now[1] = xr * li + xi * lr;
            each(place++, now[0], now[1]);
            now += 2;
        }
        before = level;
    }
}

// Clebsch-Gordan coefficients of n1 and n2 as [K][k1][s], with K = k1 + k2, n = n1 + n2 - 2 s and
// k = K - s; zero where there is none. Racah's formula.
inline std::vector<long double> clebsch_gordan(int n1, int n2) {
    std::vector<long double> factorial(n1 + n2 + 2, 1.0L);
    for (size_t i = 1; i < factorial.size(); ++i) factorial[i] = factorial[i - 1] * i;
    auto f = [&](int i) { return factorial[i]; };
    std::vector<long double> out(size_t(n1 + n2 + 1) * (n1 + 1) * (n2 + 1));
    for (int k1 = 0; k1 <= n1; ++k1)
        for (int k2 = 0; k2 <= n2; ++k2)
            for (int s = 0; s <= std::min(n1, n2); ++s) {
                const int n = n1 + n2 - 2 * s, k = k1 + k2 - s;
                if (k < 0 || k > n) continue;
                long double sum = 0;
                for (int t = 0; t <= s; ++t)
                    if (n1 - k1 >= t && k2 >= t && k1 - s + t >= 0 && n2 - s - k2 + t >= 0)
                        sum += (t % 2 ? -1.0L : 1.0L) / (f(t) * f(s - t) * f(n1 - k1 - t) * f(k2 - t) *
                                                         f(k1 - s + t) * f(n2 - s - k2 + t));
                out[(size_t(k1 + k2) * (n1 + 1) + k1) * (n2 + 1) + s] =
                    sum * std::sqrt((n + 1) * f(n1 - s) * f(n2 - s) * f(s) / f(n1 + n2 - s + 1)) *
                    std::sqrt(f(k) * f(n - k) * f(k1) * f(n1 - k1) * f(k2) * f(n2 - k2));
            }
    return out;
}

// Two densities' matrices U1 and U2, n1 >= n2, coupled to
//     Z^n_KL = sum_(k1 l1) C(k1, K - k1) C(l1, L - l1) U1_(k1 l1) U2_(K-k1, L-l1)
// for all n = n1 + n2 - 2s at once, since they share the products.
template <class T>
struct Coupling {
    static constexpr int max_tile = VICINAL_SIMD_BYTES >= 64 ? 5 : 2;

    int n1, n2;
    std::vector<T> coefficients;

    Coupling(int n1, int n2) : n1(n1), n2(n2) {
        for (long double c : clebsch_gordan(n1, n2)) coefficients.push_back(T(c));
    }

    // f(K, L, s, re, im) for s_first <= s <= s_last and half of the rows. N is vec<T> or Dual<T>;
    // `same`: u1 and u2 are one. There must be a complex number before and after u2.
    template <class N, class F>
    VICINAL_INLINE void each(const N* u1, const N* u2, bool same, int s_first, int s_last,
                             const F& f) const {
        constexpr int registers = max_tile * int(sizeof(vec<T>)) / int(sizeof(N));
        constexpr int tile = std::max(1, registers), pair_tile = std::max(1, registers / 2);
        const int sum = n1 + n2;
        auto last = [&](int K, int L) { return std::min({s_last, K, L, sum - L}); };
        for (int K = s_first; 2 * K <= sum; ++K)
            for (int L = s_first; L <= sum - s_first;) {
                // Few s: two L side by side, which share a factor and hide each other's latency.
                const bool two = registers > 1 && L < sum - s_first &&
                                 std::max(last(K, L), last(K, L + 1)) - s_first < pair_tile;
                auto block = [&](auto columns, auto size, int first) VICINAL_INLINE {
                    constexpr int C = decltype(columns)::value, S = decltype(size)::value;
                    N re[C * S], im[C * S];
                    sums<S, C>(u1, u2, same, K, L, s_first + first, re, im);
                    for (int c = 0; c < C; ++c)
                        for (int i = 0, s = s_first + first; i < S; ++i, ++s)
                            if (C == 1 || s <= last(K, L + c)) f(K, L + c, s, re[c * S + i], im[c * S + i]);
                };
                if (two)
                    tiles<pair_tile>(std::max(last(K, L), last(K, L + 1)) - s_first + 1,
                                     [&](auto size, int first) VICINAL_INLINE {
                                         block(std::integral_constant<int, 2>{}, size, first);
                                     });
                else
                    tiles<tile>(last(K, L) - s_first + 1, [&](auto size, int first) VICINAL_INLINE {
                        block(std::integral_constant<int, 1>{}, size, first);
                    });
                L += two ? 2 : 1;
            }
    }

private:
    // Z for S values of s and C values of L, the first of which are given.
    template <int S, int C, class N>
    VICINAL_INLINE void sums(const N* u1, const N* u2, bool same, int K, int L, int s, N* re,
                             N* im) const {
        for (int i = 0; i < C * S; ++i) re[i] = im[i] = N{};
        const int step = n2 + 1, table = (n1 + 1) * step;
        const T* rows = coefficients.data() + K * table + s;
        const T* columns = coefficients.data() + L * table + s;
        // Where both are the same, products come in equal pairs.
        const int last_row = same ? K / 2 : std::min(n1, K);
        const int first_column = std::max(0, L - n2), last_column = std::min(n1, L + C - 1);
        for (int k1 = std::max(0, K - n2); k1 <= last_row; ++k1) {
            const N* a = u1 + 2 * k1 * (n1 + 1);
            const N* b = u2 + 2 * ((K - k1) * step + L);
            N qr[C * S], qi[C * S];
            for (int i = 0; i < C * S; ++i) qr[i] = qi[i] = N{};
            for (int l1 = first_column; l1 <= last_column; ++l1) {
                const N ar = a[2 * l1], ai = a[2 * l1 + 1];
                for (int c = 0; c < C; ++c) {
                    // Beside a row, where the coefficient is zero, if L + c - l1 is not in 0..n2.
                    const N br = b[2 * (c - l1)], bi = b[2 * (c - l1) + 1];
                    const N pr = ar * br - ai * bi, pi = ar * bi + ai * br;
                    const T* w = columns + c * table + l1 * step;
                    for (int i = 0; i < S; ++i) {
                        qr[c * S + i] = qr[c * S + i] + w[i] * pr;
                        qi[c * S + i] = qi[c * S + i] + w[i] * pi;
                    }
                }
            }
            const T weight = same && 2 * k1 < K ? 2 : 1;
            for (int i = 0; i < C * S; ++i) {
                const T w = weight * rows[k1 * step + i % S];
                re[i] = re[i] + w * qr[i], im[i] = im[i] + w * qi[i];
            }
        }
    }
};

}  // namespace vicinal
