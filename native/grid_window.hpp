// Where Gaussians on a uniform grid are gathered, and how they are spread over its points in the end.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include "simd.hpp"

namespace vicinal {

// Hermite interpolation, of degree seven, of the kernel K in the place of its centre.
template <class T>
class GridWindow {
public:
    using V = vec<T>;
    static constexpr int W = Simd<T>::width;
    static constexpr int D = 4;  // numbers of a node: value, slope, and two more derivatives

    // nodes [cells][D][width]: K about a centre at the offset c / cells from a point, at the points
    // from the left-th before that one on, with its derivatives by the number of cells.
    GridWindow(const double* nodes, int cells, int width, double min, double step, int n, int left)
        : cells_(cells), n_(n), left_(left), lanes_(padded<T>(width)), min_(min), per_step_(1 / step),
          nodes_(size_t(cells) * D * lanes_) {
        for (int k = 0; k < D * cells; ++k)
            for (int m = 0; m < width; ++m) nodes_[size_t(k) * lanes_ + m] = T(nodes[k * width + m]);
    }

    int n() const { return n_; }
    double per_cell() const { return per_step_ * cells_; }
    // From the point below the first centre that reaches the grid, to the one above the last.
    int64_t n_points() const { return n_ + 2 * left_ + 2; }
    int64_t n_nodes() const { return n_points() * cells_; }
    int cells() const { return cells_; }
    // A row has room on both sides, for windows that stick out.
    int stride() const { return n_ + 2 * lanes_; }
    int lanes() const { return lanes_; }

    struct Place {
        int64_t node;   // the left one of two
        int32_t point;  // the point below, counted from the first that matters
        bool two;       // is the right one a node of the next point?
        double t;       // from left to right, in [0, 1]
    };
    // False where no point is near enough.
    bool place(double g, Place& place) const {
        const double u = (g - min_) * per_step_ + double(left_ + 1);
        if (!(u >= 0 && u < double(n_ + 2 * left_ + 1))) return false;
        place.point = int32_t(u);
        const double at = (u - place.point) * cells_;
        const int32_t cell = std::min(int32_t(at), int32_t(cells_ - 1));
        place.node = int64_t(place.point) * cells_ + cell;
        place.two = cell + 1 == cells_;
        place.t = at - cell;
        return true;
    }
    // Where a point's window begins in a row.
    int64_t start(int32_t point) const { return point - 2 * left_ - 1 + lanes_; }

    // Shares of the two nodes in K: Hermite's polynomials, all at once.
    static void shares(double t, double* h) {
        for (int d = 0; d < 2 * D; ++d) h[d] = hermite_[7][d];
        for (int k = 6; k >= 0; --k)
            for (int d = 0; d < 2 * D; ++d) h[d] = h[d] * t + hermite_[k][d];
    }
    // And in its derivative by the cell.
    static void slopes(double t, double* h) {
        for (int d = 0; d < 2 * D; ++d) h[d] = 7 * hermite_[7][d];
        for (int k = 6; k > 0; --k)
            for (int d = 0; d < 2 * D; ++d) h[d] = h[d] * t + k * hermite_[k][d];
    }

    // row += what the nodes of a point have gathered.
    void spread(const T* numbers, T* row) const {
        for (int k = 0; k < lanes_; k += W) {
            V sum = load(row + k);
            const T* K = nodes_.get() + k;
            for (int q = 0; q < cells_ * D; ++q, K += lanes_) sum += numbers[q] * load(K);
            store<T>(row + k, sum);
        }
    }
    // The reverse: products of the functions of a point's nodes with a row.
    void gather(const T* row, T* numbers) const {
        const T* K = nodes_.get();
        for (int q = 0; q < cells_ * D; ++q, K += lanes_) numbers[q] = dot(K, row, lanes_);
    }

    void pad(const T* rows, int64_t n_blocks, T* padded) const {
        std::fill(padded, padded + n_blocks * stride(), T(0));
        for (int64_t b = 0; b < n_blocks; ++b)
            std::copy_n(rows + b * n_, n_, padded + b * stride() + lanes_);
    }
    void unpad(const T* padded, int64_t n_blocks, T* rows) const {
        for (int64_t b = 0; b < n_blocks; ++b)
            std::copy_n(padded + b * stride() + lanes_, n_, rows + b * n_);
    }

private:
    // By power of t: value, slope and two more derivatives at t = 0, the same at t = 1.
    static constexpr double hermite_[8][2 * D] = {
        {1, 0, 0, 0, 0, 0, 0, 0},
        {0, 1, 0, 0, 0, 0, 0, 0},
        {0, 0, 1. / 2, 0, 0, 0, 0, 0},
        {0, 0, 0, 1. / 6, 0, 0, 0, 0},
        {-35, -20, -5, -2. / 3, 35, -15, 5. / 2, -1. / 6},
        {84, 45, 10, 1, -84, 39, -7, 1. / 2},
        {-70, -36, -15. / 2, -2. / 3, 70, -34, 13. / 2, -1. / 2},
        {20, 10, 2, 1. / 6, -20, 10, -2, 1. / 6}};

    int cells_, n_, left_, lanes_;
    double min_, per_step_;
    Buffer<T> nodes_;
};

// The nodes of all blocks in one sample. Few of them are ever touched: memory is the system's zeroed
// pages, which cost nothing before.
template <class T>
class GridNodes {
public:
    using Place = typename GridWindow<T>::Place;
    static constexpr int D = GridWindow<T>::D;

    GridNodes(const GridWindow<T>& window, int64_t n_blocks)
        : rows(size_t(n_blocks * window.stride())), window_(window),
          numbers_(zeros<T>(size_t(n_blocks * window.n_nodes() * D))),
          touched_(zeros<char>(size_t(n_blocks * window.n_points()))) {}

    Buffer<T> rows;  // [block][stride]

    // Numbers to gather in, of a node and behind them of the next one.
    T* gathering(int64_t block, const Place& place) {
        touch(block, place.point);
        if (place.two) touch(block, place.point + 1);
        return numbers(block) + place.node * D;
    }
    // Spreads over the rows what has been gathered, and forgets it.
    void spread() {
        for (const Point& one : list_) window_.spread(numbers(one), row(one));
        forget();
    }
    // Products of the functions of two nodes with the rows; only once for each point.
    const T* products(int64_t block, const Place& place) {
        for (int32_t point = place.point; point <= place.point + place.two; ++point)
            if (touch(block, point)) window_.gather(row(list_.back()), numbers(list_.back()));
        return numbers(block) + place.node * D;
    }
    void forget() {
        for (const Point& one : list_) {
            touched_.get()[one.block * window_.n_points() + one.point] = 0;
            std::fill_n(numbers(one), window_.cells() * D, T(0));
        }
        list_.clear();
    }

private:
    struct Point {
        int64_t block;
        int32_t point;
    };
    struct Free {
        void operator()(void* p) const { std::free(p); }
    };
    template <class U>
    static std::unique_ptr<U, Free> zeros(size_t n) {
        U* data = static_cast<U*>(std::calloc(n + 2 * D, sizeof(U)));
        if (!data) throw std::bad_alloc();
        return std::unique_ptr<U, Free>(data);
    }

    T* numbers(int64_t block) { return numbers_.get() + block * window_.n_nodes() * D; }
    T* numbers(const Point& one) {
        return numbers(one.block) + int64_t(one.point) * window_.cells() * D;
    }
    T* row(const Point& one) {
        return rows.get() + one.block * window_.stride() + window_.start(one.point);
    }
    bool touch(int64_t block, int32_t point) {
        char& flag = touched_.get()[block * window_.n_points() + point];
        if (flag) return false;
        flag = 1;
        list_.push_back({block, point});
        return true;
    }

    const GridWindow<T>& window_;
    std::unique_ptr<T, Free> numbers_;
    std::unique_ptr<char, Free> touched_;  // [block][point]
    std::vector<Point> list_;
};

}  // namespace vicinal
