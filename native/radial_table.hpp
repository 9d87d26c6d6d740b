// Radial functions from quintic Hermite splines: twice continuously differentiable, and the
// derivative is exactly that of the value. Made by vicinal.basis.spline.
#pragma once
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
            segments_.push_back({edges[s], cells[s] / (edges[s + 1] - edges[s]), first, cells[s]});
            first += cells[s] + 1;
        }
        if (first != n_nodes) throw std::invalid_argument("radial table: wrong number of nodes");
        nodes_ = Buffer<T>(size_t(n_nodes) * 3 * row_);
        for (int64_t k = 0; k < n_nodes * 3 * functions; ++k)
            for (int n = 0; n < n_max; ++n)
                nodes_[size_t(k * padded<T>(n_max) + n)] = T(nodes[k * n_max + n]);
    }

    double end() const { return end_; }
    int row() const { return row_; }  // elements of one evaluation: [functions][padded n_max]

    // weight times the values at r, and times the derivatives unless dR is null.
    void evaluate(double r, T weight, T* R, T* dR) const {
        size_t s = segments_.size() - 1;
        while (s > 0 && r < segments_[s].start) --s;
        const Segment& g = segments_[s];
        const double u = (r - g.start) * g.per_length;
        int64_t cell = int64_t(u);
        if (cell > g.cells - 1) cell = g.cells - 1;
        const double t = u - double(cell), t2 = t * t, t3 = t2 * t, t4 = t3 * t, t5 = t4 * t;
        const T* left = nodes_.get() + size_t(g.first + cell) * 3 * row_;
        const T* right = left + 3 * row_;
        const double w3 = 10 * t3 - 15 * t4 + 6 * t5;
        const T w[6] = {T(1 - w3),
                        T(t - 6 * t3 + 8 * t4 - 3 * t5),
                        T(0.5 * (t2 - 3 * t3 + 3 * t4 - t5)),
                        T(w3),
                        T(-4 * t3 + 7 * t4 - 3 * t5),
                        T(0.5 * t3 - t4 + 0.5 * t5)};
        combine(w, weight, left, right, R);
        if (!dR) return;
        const double h = g.per_length, d3 = 30 * (t2 - 2 * t3 + t4);
        const T d[6] = {T(-h * d3),
                        T(h * (1 - 18 * t2 + 32 * t3 - 15 * t4)),
                        T(h * 0.5 * (2 * t - 9 * t2 + 12 * t3 - 5 * t4)),
                        T(h * d3),
                        T(h * (-12 * t2 + 28 * t3 - 15 * t4)),
                        T(h * (1.5 * t2 - 4 * t3 + 2.5 * t4))};
        combine(d, weight, left, right, dR);
    }

private:
    void combine(const T* w, T weight, const T* left, const T* right, T* out) const {
        const V w0 = splat(weight * w[0]), w1 = splat(weight * w[1]), w2 = splat(weight * w[2]),
                w3 = splat(weight * w[3]), w4 = splat(weight * w[4]), w5 = splat(weight * w[5]);
        const int n = row_;  // which the stores might change, for all the compiler knows
        for (int k = 0; k < n; k += W)
            store<T>(out + k, (w0 * load(left + k) + w1 * load(left + n + k)) +
                                  (w2 * load(left + 2 * n + k) + w3 * load(right + k)) +
                                  (w4 * load(right + n + k) + w5 * load(right + 2 * n + k)));
    }

    struct Segment {
        double start, per_length;
        int64_t first, cells;
    };
    int row_;
    double end_;
    std::vector<Segment> segments_;
    Buffer<T> nodes_;
};

}  // namespace vicinal
