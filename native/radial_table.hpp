// Radial functions from quintic Hermite splines: twice continuously differentiable, and the
// derivative is exactly that of the value. Made by vicinal.basis.spline.
#pragma once
#include <algorithm>
#include <stdexcept>
#include <vector>

#include "simd.hpp"

namespace vicinal {

template <class T>
class RadialTable {
public:
    using V = vec<T>;
    static constexpr int W = Simd<T>::width;

    // edges [n_segments + 1]; cells [n_segments], of equal width within a segment;
    // nodes [sum(cells + 1)][3][functions][n_max]: value, h * slope, h^2 * curvature.
    RadialTable(const double* edges, const int64_t* cells, int n_segments, const double* nodes,
                int64_t n_nodes, int functions, int n_max)
        : row_(functions * padded<T>(n_max)), end_(edges[n_segments]) {
        int64_t first = 0;
        for (int s = 0; s < n_segments; ++s) {
            if (cells[s] < 1 || !(edges[s] < edges[s + 1]))
                throw std::invalid_argument("radial table: segments without extent");
            segments_.push_back({edges[s], cells[s] / (edges[s + 1] - edges[s]), first, cells[s]});
            first += cells[s];
        }
        if (first + n_segments != n_nodes) throw std::invalid_argument("radial table: wrong number of nodes");
        const int64_t of_node = int64_t(3) * functions * n_max, of_function = int64_t(functions) * n_max;
        polynomials_ = Buffer<T>(size_t(first) * 6 * row_);
        int64_t cell = 0;
        for (int s = 0; s < n_segments; ++s, nodes += of_node)
            for (int64_t c = 0; c < cells[s]; ++c, ++cell, nodes += of_node)
                for (int f = 0; f < functions; ++f)
                    for (int n = 0; n < n_max; ++n) {
                        const double* at = nodes + int64_t(f) * n_max + n;
                        double left[3], right[3];
                        for (int d = 0; d < 3; ++d)
                            left[d] = at[d * of_function], right[d] = at[of_node + d * of_function];
                        const double rise = right[0] - left[0];
                        const double p[6] = {
                            left[0], left[1], 0.5 * left[2],
                            10 * rise - 6 * left[1] - 4 * right[1] - 1.5 * left[2] + 0.5 * right[2],
                            -15 * rise + 8 * left[1] + 7 * right[1] + 1.5 * left[2] - right[2],
                            6 * rise - 3 * left[1] - 3 * right[1] - 0.5 * left[2] + 0.5 * right[2]};
                        T* to = polynomials_.get() + size_t(cell) * 6 * row_ + f * padded<T>(n_max) + n;
                        for (int k = 0; k < 6; ++k) to[k * row_] = T(p[k]);
                    }
    }

    double end() const { return end_; }
    int row() const { return row_; }  // elements of one evaluation: [functions][padded n_max]

    // weight times the values at r, and times the derivatives unless dR is null.
    void evaluate(double r, T weight, T* R, T* dR) const {
        double t, h;
        const T* p = locate(r, t, h);
        if (dR)
            horner<true>(p, T(t), weight, T(h) * weight, R, dR);
        else
            horner<false>(p, T(t), weight, T(0), R, dR);
    }

    // Rows of values at n places, and of derivatives unless dR is null: faster than one by one,
    // since W places are found side by side.
    void evaluate(const double* r, int n, T* R, T* dR) const {
        for (int first = 0; first < n; first += W) {
            const int count = n - first < W ? n - first : W;
            const T* p[W];
            double t[W], h[W], place[W];
            for (int i = 0; i < W; ++i) place[i] = r[first + std::min(i, count - 1)];
            locate(place, p, t, h);
            for (int i = 0; i < count; ++i) {
                T* value = R + size_t(first + i) * row_;
                if (dR)
                    horner<true>(p[i], T(t[i]), T(1), T(h[i]), value, dR + size_t(first + i) * row_);
                else
                    horner<false>(p[i], T(t[i]), T(1), T(0), value, nullptr);
            }
        }
    }

private:
    // The polynomials at r; the place within their cell, from 0 to 1; cells per length.
    const T* locate(double r, double& t, double& h) const {
        size_t s = segments_.size() - 1;
        while (s > 0 && r < segments_[s].start) --s;
        const Segment& g = segments_[s];
        const double u = (r - g.start) * g.per_length;
        const int64_t cell = std::clamp(int64_t(u), int64_t(0), g.cells - 1);
        t = u - double(cell), h = g.per_length;
        return polynomials_.get() + size_t(g.first + cell) * 6 * row_;
    }

    // The same for W places.
    void locate(const double* r, const T** p, double* t, double* h) const {
        if (segments_.size() > 1) {
            for (int i = 0; i < W; ++i) p[i] = locate(r[i], t[i], h[i]);
            return;
        }
        const Segment g = segments_[0];
        const int64_t step = 6 * row_;
        int64_t cell[W];
        for (int i = 0; i < W; ++i) {
            const double u = (r[i] - g.start) * g.per_length;
            cell[i] = std::clamp(int64_t(u), int64_t(0), g.cells - 1);
            t[i] = u - double(cell[i]), h[i] = g.per_length;
        }
        for (int i = 0; i < W; ++i) p[i] = polynomials_.get() + cell[i] * step;
    }

    // Value and slope together: the slope of each step of Horner's rule is a step for the slope.
    template <bool Slopes>
    void horner(const T* p, T place, T by_value, T by_slope, T* value, T* slope) const {
        const V t = splat(place), a = splat(by_value), b = splat(by_slope);
        const int n = row_;  // which the stores might change, for all the compiler knows
        for (int k = 0; k < n; k += W, p += W) {
            V v = load(p + 5 * n), d{};
            for (int q = 4; q >= 0; --q) {
                if constexpr (Slopes) d = d * t + v;
                v = v * t + load(p + q * n);
            }
            store<T>(value + k, a * v);
            if constexpr (Slopes) store<T>(slope + k, b * d);
        }
    }

    struct Segment {
        double start, per_length;
        int64_t first, cells;
    };
    int row_;
    double end_;
    std::vector<Segment> segments_;
    Buffer<T> polynomials_;  // [cell][power of the place in it][row]
};

}  // namespace vicinal
