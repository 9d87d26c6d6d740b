// Sums of Gaussians between the rows of two sets, added up by group, from their dot products.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "parallel.hpp"
#include "simd.hpp"

namespace vicinal {

// exp(x) for x <= 0, to 1e-15 relative; below -700 it is exp(-700), which is nothing beside 1.
// x = k ln 2 + r: the power of two goes into the exponent's bits, a polynomial does the rest.
inline vec<double> exp_negative(vec<double> x) {
    typedef int64_t bits __attribute__((vector_size(Simd<double>::bytes)));
    using V = vec<double>;
    const V low = splat<double>(-700.0);
    x = x < low ? low : x;
    // Adding 1.5 * 2^52 rounds to an integer and leaves it in the low bits.
    const V shift = splat<double>(6755399441055744.0);
    const V rounded = x * splat<double>(1.4426950408889634) + shift;
    const V k = rounded - shift;
    V r = x - k * splat<double>(0.693147180369123816490);
    r -= k * splat<double>(1.90821492927058770002e-10);
    V p = splat<double>(1.0 / 479001600);  // 1/12!
    double factorial = 479001600;
    for (int n = 12; n >= 1; --n) {
        factorial /= n;
        p = p * r + splat<double>(1.0 / factorial);
    }
    bits b, q;
    std::memcpy(&b, &rounded, sizeof b);
    std::memcpy(&q, &p, sizeof q);
    q += b << 52;
    std::memcpy(&p, &q, sizeof p);
    return p;
}

// out[s][t] += sum of exp(-gamma max(0, xx[i] + yy[j] - 2 dots[i][j])) over the rows i of group s
// and the columns j of group t. Group s has rows row_ends[s] .. row_ends[s + 1]; out has n_columns
// of groups, of which the first is first_column.
struct GaussianSums {
    const double* dots;
    int64_t n_rows, n_columns;
    const double *xx, *yy;
    double gamma;
    const int64_t *row_ends, *row_group;  // ends of n_row_groups + 1 ranges, and where they go
    int64_t n_row_groups;
    const int64_t *column_ends, *column_group;
    int64_t n_column_groups;
    double* out;
    int64_t out_stride;

    void add(int n_threads) const {
        constexpr int W = Simd<double>::width;
        const int64_t n = (n_columns + W - 1) / W * W;
        // Groups of rows go to different rows of the output: no two threads write to one.
        std::vector<Buffer<double>> scratch;
        for (int t = 0; t < n_threads; ++t) scratch.emplace_back(size_t(n));
        parallel_for(n_row_groups, n_threads, 1, [&](int thread, int64_t first, int64_t last) {
            double* sums = scratch[size_t(thread)].get();
            for (int64_t s = first; s < last; ++s) {
                std::fill(sums, sums + n, 0.0);
                for (int64_t i = row_ends[s]; i < row_ends[s + 1]; ++i) add_row(i, sums);
                double* row = out + row_group[s] * out_stride;
                for (int64_t t = 0; t < n_column_groups; ++t) {
                    double total = 0;
                    for (int64_t j = column_ends[t]; j < column_ends[t + 1]; ++j) total += sums[j];
                    row[column_group[t]] += total;
                }
            }
        });
    }

private:
    void add_row(int64_t i, double* sums) const {
        constexpr int W = Simd<double>::width;
        const double* dot = dots + i * n_columns;
        const vec<double> zero = splat<double>(0.0), x = splat<double>(xx[i]);
        const vec<double> two = splat<double>(2.0), scale = splat<double>(-gamma);
        int64_t j = 0;
        for (; j + W <= n_columns; j += W) {
            const vec<double> square = x + load(yy + j) - two * load(dot + j);
            store(sums + j, load(sums + j) + exp_negative(scale * (square > zero ? square : zero)));
        }
        for (; j < n_columns; ++j)
            sums[j] += std::exp(-gamma * std::max(0.0, xx[i] + yy[j] - 2 * dot[j]));
    }
};

}  // namespace vicinal
