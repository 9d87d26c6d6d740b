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
        double t, h, w[6];
        const T* left = locate(r, t, h);
        values(t, w);
        combine<1>(w, weight, left, R);
        if (!dR) return;
        slopes(t, h, w);
        combine<1>(w, weight, left, dR);
    }

    // Rows of values at n places, and of derivatives unless dR is null: faster than one by one,
    // since the weights of W places are found side by side.
    void evaluate(const double* r, int n, T* R, T* dR) const {
        const T* left[W];
        double t[W], h[W], w[6][W];
        auto rows = [&](int count, T*& out, auto weights) {
            for (int i = 0; i < W; ++i) {
                double one[6];
                weights(i, one);
                for (int k = 0; k < 6; ++k) w[k][i] = one[k];
            }
            for (int i = 0; i < count; ++i, out += row_) combine<W>(&w[0][i], T(1), left[i], out);
        };
        for (int first = 0; first < n; first += W) {
            const int count = n - first < W ? n - first : W;
            double place[W];
            for (int i = 0; i < W; ++i) place[i] = r[first + std::min(i, count - 1)];
            locate(place, left, t, h);
            rows(count, R, [&](int i, double* one) { values(t[i], one); });
            if (dR) rows(count, dR, [&](int i, double* one) { slopes(t[i], h[i], one); });
        }
    }

private:
    // The nodes to the left of r; the place within its cell, from 0 to 1; cells per length.
    const T* locate(double r, double& t, double& h) const {
        size_t s = segments_.size() - 1;
        while (s > 0 && r < segments_[s].start) --s;
        const Segment& g = segments_[s];
        const double u = (r - g.start) * g.per_length;
        const int64_t cell = std::clamp(int64_t(u), int64_t(0), g.cells - 1);
        t = u - double(cell), h = g.per_length;
        return nodes_.get() + size_t(g.first + cell) * 3 * row_;
    }

    // The same for W places.
    void locate(const double* r, const T** left, double* t, double* h) const {
        if (segments_.size() > 1) {
            for (int i = 0; i < W; ++i) left[i] = locate(r[i], t[i], h[i]);
            return;
        }
        const Segment g = segments_[0];
        const int64_t step = 3 * row_;
        int64_t cell[W];
        for (int i = 0; i < W; ++i) {
            const double u = (r[i] - g.start) * g.per_length;
            cell[i] = std::clamp(int64_t(u), int64_t(0), g.cells - 1);
            t[i] = u - double(cell[i]), h[i] = g.per_length;
        }
        for (int i = 0; i < W; ++i) left[i] = nodes_.get() + cell[i] * step;
    }

    // What value, slope and curvature at the nodes to the left and right count for.
    static void values(double t, double* w) {
        const double t2 = t * t, t3 = t2 * t, t4 = t3 * t, t5 = t4 * t;
        const double w3 = 10 * t3 - 15 * t4 + 6 * t5;
        w[0] = 1 - w3;
        w[1] = t - 6 * t3 + 8 * t4 - 3 * t5;
        w[2] = 0.5 * (t2 - 3 * t3 + 3 * t4 - t5);
        w[3] = w3;
        w[4] = -4 * t3 + 7 * t4 - 3 * t5;
        w[5] = 0.5 * t3 - t4 + 0.5 * t5;
    }
    static void slopes(double t, double h, double* w) {
        const double t2 = t * t, t3 = t2 * t, t4 = t3 * t, d3 = 30 * (t2 - 2 * t3 + t4);
        w[0] = -h * d3;
        w[1] = h * (1 - 18 * t2 + 32 * t3 - 15 * t4);
        w[2] = h * 0.5 * (2 * t - 9 * t2 + 12 * t3 - 5 * t4);
        w[3] = h * d3;
        w[4] = h * (-12 * t2 + 28 * t3 - 15 * t4);
        w[5] = h * (1.5 * t2 - 4 * t3 + 2.5 * t4);
    }

    template <int Stride>
    void combine(const double* w, T weight, const T* left, T* out) const {
        const V w0 = splat(weight * T(w[0])), w1 = splat(weight * T(w[Stride])),
                w2 = splat(weight * T(w[2 * Stride])), w3 = splat(weight * T(w[3 * Stride])),
                w4 = splat(weight * T(w[4 * Stride])), w5 = splat(weight * T(w[5 * Stride]));
        const int n = row_;  // which the stores might change, for all the compiler knows
        const T* right = left + 3 * n;
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
