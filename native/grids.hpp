// Gaussians of a function of two, three or four atoms, summed on uniform grids:
//
//     row[block][k] = sum_tuples w K(x_k - g)
//
// where g and the weight w are functions of the tuple, and the block follows from its species. K is
// interpolated in g, from what it and its first three derivatives are at the nodes of a finer grid. That
// is linear: a tuple only adds to a few numbers of the two nodes beside it, and what nodes have
// gathered is spread over the points in the end.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include "radial_table.hpp"
#include "sums.hpp"

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
    // From where a centre reaches the first point, to where it reaches the last.
    int64_t n_nodes() const { return int64_t(n_ + 2 * left_ + 1) * cells_ + 1; }
    // A row has room on both sides, for windows that stick out.
    int stride() const { return n_ + 2 * lanes_; }
    int lanes() const { return lanes_; }

    // A node: the point below, counted from the first that matters, and the cell.
    struct Node {
        int32_t point, cell;
    };
    struct Place {
        Node node;  // the left one of two
        double t;   // from there to the next, in [0, 1]
    };
    // False where no point is near enough.
    bool place(double g, Place& place) const {
        const double u = (g - min_) * per_step_ + double(left_ + 1);
        if (!(u >= 0 && u < double(n_ + 2 * left_ + 1))) return false;
        place.node.point = int32_t(u);
        const double cell = (u - place.node.point) * cells_;
        place.node.cell = std::min(int32_t(cell), int32_t(cells_ - 1));
        place.t = cell - place.node.cell;
        return true;
    }
    Node next(Node node) const {
        return node.cell + 1 < cells_ ? Node{node.point, node.cell + 1} : Node{node.point + 1, 0};
    }
    int64_t number(Node node) const { return int64_t(node.point) * cells_ + node.cell; }
    // Where a node's window begins in a row.
    int64_t start(Node node) const { return node.point - 2 * left_ - 1 + lanes_; }

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

    // row += what a node has gathered.
    void spread(Node node, const T* gathered, T* row) const {
        const T* K = functions(node);
        const V a = splat(gathered[0]), b = splat(gathered[1]), c = splat(gathered[2]),
                d = splat(gathered[3]);
        for (int k = 0; k < lanes_; k += W)
            store<T>(row + k, load(row + k) +
                                  (a * load(K + k) + b * load(K + lanes_ + k)) +
                                  (c * load(K + 2 * lanes_ + k) + d * load(K + 3 * lanes_ + k)));
    }
    // The reverse: products of a node's functions with a row.
    void gather(Node node, const T* row, T* products) const {
        const T* K = functions(node);
        V sums[D] = {};
        for (int k = 0; k < lanes_; k += W)
            for (int d = 0; d < D; ++d) sums[d] += load(row + k) * load(K + d * lanes_ + k);
        for (int d = 0; d < D; ++d) products[d] = sum<T>(sums[d]);
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
    const T* functions(Node node) const { return nodes_.get() + size_t(node.cell) * D * lanes_; }

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
    using Node = typename GridWindow<T>::Node;
    static constexpr int D = GridWindow<T>::D;

    GridNodes(const GridWindow<T>& window, int64_t n_blocks)
        : rows(size_t(n_blocks * window.stride())), window_(window),
          numbers_(zeros<T>(size_t(n_blocks * window.n_nodes() * D))),
          touched_(zeros<char>(size_t(n_blocks * window.n_nodes()))) {}

    Buffer<T> rows;  // [block][stride]

    // Numbers to gather in, of a node and behind them of the next one: zero when first asked for.
    T* gathering(int64_t block, Node node) {
        touch(block, node), touch(block, window_.next(node));
        return at({block, node});
    }
    // Spreads over the rows what has been gathered, and forgets it.
    void spread() {
        for (const Touched& one : list_) window_.spread(one.node, at(one), row(one));
        forget();
    }
    // Products of the functions of two nodes with the rows; only once for each node.
    const T* products(int64_t block, Node node) {
        for (const Node one : {node, window_.next(node)})
            if (touch(block, one)) window_.gather(one, row({block, one}), at({block, one}));
        return at({block, node});
    }
    void forget() {
        for (const Touched& one : list_) {
            touched_.get()[number(one)] = 0;
            std::fill_n(at(one), D, T(0));
        }
        list_.clear();
    }

private:
    struct Touched {
        int64_t block;
        Node node;
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

    int64_t number(const Touched& one) const {
        return one.block * window_.n_nodes() + window_.number(one.node);
    }
    T* at(const Touched& one) { return numbers_.get() + number(one) * D; }
    T* row(const Touched& one) {
        return rows.get() + one.block * window_.stride() + window_.start(one.node);
    }
    bool touch(int64_t block, Node node) {
        char& flag = touched_.get()[number({block, node})];
        if (flag) return false;
        flag = 1;
        list_.push_back({block, node});
        return true;
    }

    const GridWindow<T>& window_;
    std::unique_ptr<T, Free> numbers_;
    std::unique_ptr<char, Free> touched_;
    std::vector<Touched> list_;
};

// w(x) = table(x) / x^power; nothing from the end of the table on.
class Weight {
public:
    Weight(RadialTable<double> table, int power) : table_(std::move(table)), power_(power) {
        if (table_.row() != padded<double>(1)) throw std::invalid_argument("weight: one function");
    }
    double end() const { return table_.end(); }
    template <bool Slope>
    double at(double x, double& slope) const {
        double w[padded<double>(1)], dw[padded<double>(1)] = {}, factor = 1;
        table_.evaluate(x, 1.0, w, Slope ? dw : nullptr);
        for (int p = 0; p < power_; ++p) factor /= x;
        slope = (dw[0] - power_ * w[0] / x) * factor;
        return w[0] * factor;
    }

private:
    RadialTable<double> table_;
    int power_;
};

// One tuple of atoms: what it adds where, and derivatives with respect to its pair vectors.
struct Tuple {
    int64_t block;
    double g, w;
    int neighbor[3];  // whose vectors; the class that makes tuples says how many: `vectors`
    double dg[3][3], dw[3][3];
};

inline void scaled(double f, const double* v, double* to) {
    for (int a = 0; a < 3; ++a) to[a] += f * v[a];
}
inline double dot3(const double* a, const double* b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }
inline void cross3(const double* a, const double* b, double* c) {
    c[0] = a[1] * b[2] - a[2] * b[1], c[1] = a[2] * b[0] - a[0] * b[2], c[2] = a[0] * b[1] - a[1] * b[0];
}

// The sums over what a class `Tuples` enumerates about each centre. Geometry is in double always,
// the sums over Gaussians in T.
template <class T, class Tuples>
class GridTerm : public Term<T> {
public:
    GridTerm(GridWindow<T> window, Tuples tuples, int64_t n_blocks)
        : window_(std::move(window)), tuples_(std::move(tuples)), n_blocks_(n_blocks) {
        tuples_.check(n_blocks);
    }

    int64_t size() const override { return n_blocks_ * window_.n(); }
    int n_species() const override { return tuples_.n_species(); }

    struct Scratch : Term<T>::Scratch {
        explicit Scratch(const GridTerm& t)
            : neighbors(t.n_species()), nodes(t.window_, t.n_blocks_) {}
        Neighbors<double> neighbors;
        typename Tuples::Work work;
        GridNodes<T> nodes;
    };
    std::unique_ptr<typename Term<T>::Scratch> scratch() const override {
        return std::make_unique<Scratch>(*this);
    }

    void values(const Sample& sample, typename Term<T>::Scratch& any, T* row) const override {
        auto& s = static_cast<Scratch&>(any);
        std::fill(s.nodes.rows.get(), s.nodes.rows.get() + s.nodes.rows.size(), T(0));
        each<false>(sample, s, [&](const Tuple& t, const Place& at) {
            double h[2 * D];
            window_.shares(at.t, h);
            T* to = s.nodes.gathering(t.block, at.node);
            for (int d = 0; d < 2 * D; ++d) to[d] += T(t.w * h[d]);
        });
        s.nodes.spread();
        window_.unpad(s.nodes.rows.get(), n_blocks_, row);
    }

    void backward(const Sample& sample, typename Term<T>::Scratch& any, const T* cotangent,
                  double* out) const override {
        auto& s = static_cast<Scratch&>(any);
        window_.pad(cotangent, n_blocks_, s.nodes.rows.get());
        each<true>(sample, s, [&](const Tuple& t, const Place& at) {
            double h[2 * D], dh[2 * D], by_w = 0, by_g = 0;
            window_.shares(at.t, h), window_.slopes(at.t, dh);
            const T* products = s.nodes.products(t.block, at.node);
            for (int d = 0; d < 2 * D; ++d)
                by_w += h[d] * double(products[d]), by_g += dh[d] * double(products[d]);
            by_g *= t.w * window_.per_cell();
            for (int v = 0; v < Tuples::vectors; ++v) {
                double* to = out + 3 * s.neighbors.selected[t.neighbor[v]];
                scaled(by_g, t.dg[v], to), scaled(by_w, t.dw[v], to);
            }
        });
        s.nodes.forget();
    }

    void tangent(const Sample& sample, typename Term<T>::Scratch& any, const double* tangent,
                 T* row) const override {
        auto& s = static_cast<Scratch&>(any);
        std::fill(s.nodes.rows.get(), s.nodes.rows.get() + s.nodes.rows.size(), T(0));
        each<true>(sample, s, [&](const Tuple& t, const Place& at) {
            double dg = 0, dw = 0, h[2 * D], dh[2 * D];
            for (int v = 0; v < Tuples::vectors; ++v) {
                const double* along = tangent + 3 * s.neighbors.selected[t.neighbor[v]];
                dg += dot3(t.dg[v], along), dw += dot3(t.dw[v], along);
            }
            dg *= t.w * window_.per_cell();
            window_.shares(at.t, h), window_.slopes(at.t, dh);
            T* to = s.nodes.gathering(t.block, at.node);
            for (int d = 0; d < 2 * D; ++d) to[d] += T(dw * h[d] + dg * dh[d]);
        });
        s.nodes.spread();
        window_.unpad(s.nodes.rows.get(), n_blocks_, row);
    }

    void jacobian(const Sample& sample, typename Term<T>::Scratch& any, T* J,
                  int64_t stride) const override {
        auto& s = static_cast<Scratch&>(any);
        Buffer<T> window(size_t(window_.stride()));
        each<true>(sample, s, [&](const Tuple& t, const Place& at) {
            double h[2 * D], dh[2 * D];
            window_.shares(at.t, h), window_.slopes(at.t, dh);
            for (int v = 0; v < Tuples::vectors; ++v)
                for (int a = 0; a < 3; ++a) {
                    const double dg = t.w * window_.per_cell() * t.dg[v][a], dw = t.dw[v][a];
                    T numbers[2 * D];
                    for (int d = 0; d < 2 * D; ++d) numbers[d] = T(dw * h[d] + dg * dh[d]);
                    const auto next = window_.next(at.node);
                    const int64_t first = window_.start(at.node);
                    const int64_t last = window_.start(next) + window_.lanes();
                    std::fill(window.get() + first, window.get() + last, T(0));
                    window_.spread(at.node, numbers, window.get() + first);
                    window_.spread(next, numbers + D, window.get() + window_.start(next));
                    const int64_t pair = s.neighbors.selected[t.neighbor[v]] - sample.base;
                    T* row = J + (pair * 3 + a) * stride + t.block * window_.n();
                    const int64_t margin = window_.lanes();
                    const int64_t from = std::max(first, margin);
                    const int64_t to = std::min<int64_t>(last, margin + window_.n());
                    for (int64_t k = from; k < to; ++k) row[k - margin] += window[size_t(k)];
                }
        });
    }

private:
    using Place = typename GridWindow<T>::Place;
    static constexpr int D = GridWindow<T>::D;

    template <bool Slopes, class F>
    void each(const Sample& sample, Scratch& s, const F& f) const {
        sample.each_center([&](int64_t k, int64_t base) {
            s.neighbors.read(sample.pairs, k, base, tuples_.cutoff());
            tuples_.template each<Slopes>(s.neighbors, s.work, [&](const Tuple& t) {
                Place at;
                if (window_.place(t.g, at)) f(t, at);
            });
        });
    }

    GridWindow<T> window_;
    Tuples tuples_;
    int64_t n_blocks_;
};

inline void check_table(const std::vector<int64_t>& block, size_t size, int64_t n_blocks) {
    if (block.size() != size) throw std::invalid_argument("grids: one block for each tuple of species");
    for (int64_t b : block)
        if (b < -1 || b >= n_blocks) throw std::invalid_argument("grids: unknown block");
}

enum class Distance { distance, inverse_distance, inverse_square_distance };

// Centre and neighbour. block: [centre][neighbour], -1 counts nowhere.
class PairTuples {
public:
    static constexpr int vectors = 1;
    struct Work {};
    PairTuples(Distance kind, Weight weight, int n_species, std::vector<int64_t> block)
        : kind_(kind), weight_(std::move(weight)), n_species_(n_species), block_(std::move(block)) {}

    int n_species() const { return n_species_; }
    double cutoff() const { return weight_.end(); }
    void check(int64_t n_blocks) const { check_table(block_, size_t(n_species_) * n_species_, n_blocks); }

    template <bool Slopes, class F>
    void each(const Neighbors<double>& n, Work&, const F& f) const {
        Tuple t;
        for (int j = 0; j < n.size; ++j) {
            t.block = block_[size_t(n.center) * n_species_ + n.species[j]];
            if (t.block < 0) continue;
            const double r = n.r[j];
            double dw, dg = 1;
            t.w = weight_.at<Slopes>(r, dw), t.g = r, t.neighbor[0] = j;
            if (kind_ == Distance::inverse_distance) t.g = 1 / r, dg = -t.g * t.g;
            if (kind_ == Distance::inverse_square_distance) t.g = 1 / (r * r), dg = -2 * t.g / r;
            const double unit[3] = {n.x[j], n.y[j], n.z[j]};
            for (int a = 0; a < 3; ++a) t.dg[0][a] = dg * unit[a], t.dw[0][a] = dw * unit[a];
            f(t);
        }
    }

private:
    Distance kind_;
    Weight weight_;
    int n_species_;
    std::vector<int64_t> block_;
};

enum class Angle { angle, cosine };

// What the weight of a triple is: a function of the perimeter of the triangle; the product of the
// functions of the two sides at the vertex; or that of all three sides.
enum class Sides { perimeter, legs, all };

// Angles of the triangles of a centre i and two neighbours j, k.
// vertex_block [i][j][k]: the angle at the centre. end_block [i][j][k], or empty: the angle at j.
// triple_dipole: a second set of blocks behind the first, with weights times the cosines of the other
// two angles.
class TripleTuples {
public:
    static constexpr int vectors = 2;
    struct Work {
        std::vector<double> x, y, z, c, w, dw;
    };
    TripleTuples(Angle kind, Sides sides, bool triple_dipole, Weight weight, int n_species,
                 std::vector<int64_t> vertex_block, std::vector<int64_t> end_block)
        : kind_(kind), sides_(sides), triple_dipole_(triple_dipole), weight_(std::move(weight)),
          n_species_(n_species), block_{std::move(vertex_block), std::move(end_block)} {}

    int n_species() const { return n_species_; }
    double cutoff() const {
        if (sides_ == Sides::perimeter) return 0.5 * weight_.end();
        return sides_ == Sides::legs && !block_[1].empty() ? 2 * weight_.end() : weight_.end();
    }
    void check(int64_t n_blocks) {
        const size_t size = size_t(n_species_) * n_species_ * n_species_;
        second_ = triple_dipole_ ? n_blocks / 2 : 0;
        for (const auto& block : block_)
            if (&block == &block_[0] || !block.empty())
                check_table(block, size, triple_dipole_ ? second_ : n_blocks);
    }

    template <bool Slopes, class F>
    void each(const Neighbors<double>& n, Work& work, const F& f) const {
        const double end = weight_.end();
        for (auto* v : {&work.x, &work.y, &work.z, &work.c, &work.w, &work.dw}) v->resize(n.size);
        double *x = work.x.data(), *y = work.y.data(), *z = work.z.data(), *side = work.c.data();
        for (int j = 0; j < n.size; ++j)
            x[j] = n.r[j] * n.x[j], y[j] = n.r[j] * n.y[j], z[j] = n.r[j] * n.z[j];
        if (sides_ != Sides::perimeter)
            for (int j = 0; j < n.size; ++j)
                work.w[j] = n.r[j] < end ? weight_.at<Slopes>(n.r[j], work.dw[j]) : (work.dw[j] = 0);
        Triangle t;
        for (int j = 0; j < n.size; ++j) {
            const double a = n.r[j];
            for (int k = j + 1; k < n.size; ++k) {
                const double dx = x[j] - x[k], dy = y[j] - y[k], dz = z[j] - z[k];
                side[k] = std::sqrt(dx * dx + dy * dy + dz * dz);
            }
            for (int k = j + 1; k < n.size; ++k) {
                const double b = n.r[k], c = side[k];
                if (sides_ == Sides::perimeter && !(a + b + c < end)) continue;
                if (sides_ == Sides::all && !(c < end)) continue;
                t.neighbor[0] = j, t.neighbor[1] = k;
                t.length[0] = a, t.length[1] = b, t.length[2] = c;
                t.at(n);
                if (sides_ == Sides::perimeter) {
                    t.w = weight_.at<Slopes>(a + b + c, t.dw[0]);
                    t.dw[1] = t.dw[2] = t.dw[0];
                    angles<Slopes>(n, t, f);
                    continue;
                }
                const double one[3] = {work.w[j], work.w[k], 0}, slope[3] = {work.dw[j], work.dw[k], 0};
                sides<Slopes>(n, t, one, slope, f);
            }
        }
    }

private:
    struct Triangle {
        int neighbor[2];
        double length[3];  // centre-j, centre-k, j-k
        double w, dw[3];   // by length
        double unit[3][3], twice_area;
        void at(const Neighbors<double>& n) {
            for (int s = 0; s < 2; ++s) {
                const int j = neighbor[s];
                unit[s][0] = n.x[j], unit[s][1] = n.y[j], unit[s][2] = n.z[j];
            }
            for (int a = 0; a < 3; ++a)
                unit[2][a] = (length[0] * unit[0][a] - length[1] * unit[1][a]) / length[2];
            double normal[3];
            cross3(unit[0], unit[1], normal);
            twice_area = length[0] * length[1] * std::sqrt(dot3(normal, normal));
        }
    };
    // The sides at each vertex and the one opposite: centre, j, k.
    static constexpr int adjacent_[3][3] = {{0, 1, 2}, {0, 2, 1}, {1, 2, 0}};

    int64_t block(const Neighbors<double>& n, const Triangle& t, int vertex) const {
        const auto& table = block_[vertex > 0];
        if (table.empty()) return -1;
        const int j = n.species[t.neighbor[0]], k = n.species[t.neighbor[1]];
        const size_t first = size_t(vertex == 2 ? k : j), second = size_t(vertex == 2 ? j : k);
        return table[(size_t(n.center) * n_species_ + first) * n_species_ + second];
    }

    // Weights that are products over sides.
    template <bool Slopes, class F>
    void sides(const Neighbors<double>& n, Triangle& t, const double* one, const double* slope,
               const F& f) const {
        double w[3] = {one[0], one[1], 0}, dw[3] = {slope[0], slope[1], 0};
        const bool third = sides_ == Sides::all || !block_[1].empty();
        if (third && t.length[2] < weight_.end()) w[2] = weight_.at<Slopes>(t.length[2], dw[2]);
        if (sides_ == Sides::all) {
            t.w = w[0] * w[1] * w[2];
            t.dw[0] = dw[0] * w[1] * w[2], t.dw[1] = w[0] * dw[1] * w[2], t.dw[2] = w[0] * w[1] * dw[2];
            angles<Slopes>(n, t, f);
            return;
        }
        for (int vertex = 0; vertex < (third ? 3 : 1); ++vertex) {
            const int p = adjacent_[vertex][0], q = adjacent_[vertex][1];
            t.w = w[p] * w[q];
            if (t.w == 0 && dw[p] * w[q] == 0 && w[p] * dw[q] == 0) continue;
            t.dw[p] = dw[p] * w[q], t.dw[q] = w[p] * dw[q], t.dw[adjacent_[vertex][2]] = 0;
            angle<Slopes>(n, t, vertex, f);
        }
    }

    template <bool Slopes, class F>
    void angles(const Neighbors<double>& n, const Triangle& t, const F& f) const {
        for (int vertex = 0; vertex < (block_[1].empty() ? 1 : 3); ++vertex)
            angle<Slopes>(n, t, vertex, f);
    }

    template <bool Slopes, class F>
    void angle(const Neighbors<double>& n, const Triangle& t, int vertex, const F& f) const {
        Tuple out;
        out.block = block(n, t, vertex);
        if (out.block < 0) return;
        double dg[3], dw[3] = {t.dw[0], t.dw[1], t.dw[2]};
        out.g = cosine(t, vertex, dg), out.w = t.w;
        if (kind_ == Angle::angle) {
            // A straight angle is a kink: the slope is taken as zero there.
            constexpr double degree = 180 / 3.14159265358979323846;
            const double pq = t.length[adjacent_[vertex][0]] * t.length[adjacent_[vertex][1]];
            const double sine = t.twice_area / pq;
            out.g = degree * std::atan2(sine, out.g);
            for (double& d : dg) d = sine > 1e-7 ? -degree * d / sine : 0;
        }
        finish<Slopes>(t, dg, dw, out);
        f(out);
        if (!triple_dipole_) return;
        double d1[3], d2[3];
        const double c1 = cosine(t, (vertex + 1) % 3, d1), c2 = cosine(t, (vertex + 2) % 3, d2);
        for (int s = 0; s < 3; ++s) dw[s] = t.dw[s] * c1 * c2 + t.w * (d1[s] * c2 + c1 * d2[s]);
        out.block += second_, out.w = t.w * c1 * c2;
        finish<Slopes>(t, dg, dw, out);
        f(out);
    }

    // By the law of cosines, with derivatives by the lengths of the sides.
    static double cosine(const Triangle& t, int vertex, double* d) {
        const int ip = adjacent_[vertex][0], iq = adjacent_[vertex][1], io = adjacent_[vertex][2];
        const double p = t.length[ip], q = t.length[iq], o = t.length[io];
        const double c = std::clamp((p * p + q * q - o * o) / (2 * p * q), -1.0, 1.0);
        d[ip] = 1 / q - c / p, d[iq] = 1 / p - c / q, d[io] = -o / (p * q);
        return c;
    }

    // Derivatives by lengths to derivatives by vectors.
    template <bool Slopes>
    static void finish(const Triangle& t, const double* dg, const double* dw, Tuple& out) {
        if constexpr (!Slopes) return;
        for (int s = 0; s < 2; ++s) {
            out.neighbor[s] = t.neighbor[s];
            const double sign = s ? -1 : 1;
            for (int a = 0; a < 3; ++a) {
                out.dg[s][a] = dg[s] * t.unit[s][a] + sign * dg[2] * t.unit[2][a];
                out.dw[s][a] = dw[s] * t.unit[s][a] + sign * dw[2] * t.unit[2][a];
            }
        }
    }

    Angle kind_;
    Sides sides_;
    bool triple_dipole_;
    Weight weight_;
    int n_species_;
    std::vector<int64_t> block_[2];
    int64_t second_ = 0;
};

enum class Dihedral { dihedral, cosine };

// Chains i-c-k-l about the bond from the centre c to k, weight w(ic) w(ck) w(kl) sin² sin² of the
// angles at c and k: without the sines a chain that becomes straight would turn without bound. Every
// chain is seen from both ends of its middle bond, so it counts one half. block: [c][i][k][l].
class ChainTuples {
public:
    static constexpr int vectors = 3;
    struct Work {};
    ChainTuples(Dihedral kind, Weight weight, int n_species, std::vector<int64_t> block)
        : kind_(kind), weight_(std::move(weight)), n_species_(n_species), block_(std::move(block)) {}

    int n_species() const { return n_species_; }
    double cutoff() const { return 2 * weight_.end(); }
    void check(int64_t n_blocks) const {
        const size_t n = size_t(n_species_);
        check_table(block_, n * n * n * n, n_blocks);
    }

    template <bool Slopes, class F>
    void each(const Neighbors<double>& n, Work&, const F& f) const {
        for (int k = 0; k < n.size; ++k) {
            if (!(n.r[k] < weight_.end())) continue;
            const Leg bond = leg(n, k);
            const double Y[3] = {n.r[k] * n.x[k], n.r[k] * n.y[k], n.r[k] * n.z[k]};
            for (int l = 0; l < n.size; ++l) {
                if (l == k) continue;
                const Leg last = leg(n, l, Y);
                if (!last.near) continue;
                for (int i = 0; i < n.size; ++i) {
                    if (i == k || i == l || !(n.r[i] < weight_.end())) continue;
                    chain<Slopes>(n, i, k, l, leg(n, i), bond, last, f);
                }
            }
        }
    }

private:
    struct Leg {
        double v[3], r, w, dw;
        bool near;
    };
    // The vector to a neighbour, from the centre or from another place.
    Leg leg(const Neighbors<double>& n, int j, const double* from = nullptr) const {
        Leg out{{n.r[j] * n.x[j], n.r[j] * n.y[j], n.r[j] * n.z[j]}, n.r[j], 0, 0, false};
        if (from) {
            scaled(-1, from, out.v);
            out.r = std::sqrt(dot3(out.v, out.v));
        }
        out.near = out.r < weight_.end();
        if (out.near) out.w = weight_.at<true>(out.r, out.dw);
        return out;
    }

    template <bool Slopes, class F>
    void chain(const Neighbors<double>& n, int i, int k, int l, const Leg& first, const Leg& bond,
               const Leg& last, const F& f) const {
        Tuple t;
        const size_t S = size_t(n_species_);
        t.block = block_[((size_t(n.center) * S + n.species[i]) * S + n.species[k]) * S + n.species[l]];
        if (t.block < 0) return;
        // Blondel & Karplus, J. Comput. Chem. 17, 1132 (1996): F, G, H, A = F x G, B = H x G.
        const double *F_ = first.v, *H = last.v, G[3] = {-bond.v[0], -bond.v[1], -bond.v[2]};
        double A[3], B[3], BA[3];
        cross3(F_, G, A), cross3(H, G, B), cross3(B, A, BA);
        const double A2 = dot3(A, A), B2 = dot3(B, B), g = bond.r;
        const double straight = 1e-14 * g * g;
        if (A2 <= straight * first.r * first.r || B2 <= straight * last.r * last.r) return;
        constexpr double degree = 180 / 3.14159265358979323846;
        const double AB = std::sqrt(A2 * B2), cosine = dot3(A, B) / AB, sine = dot3(BA, G) / (AB * g);
        const double c1 = dot3(F_, G) / (first.r * g), c2 = dot3(H, G) / (last.r * g);
        const double s1 = A2 / (first.r * first.r * g * g), s2 = B2 / (last.r * last.r * g * g);
        const double w = 0.5 * first.w * bond.w * last.w;
        t.w = w * s1 * s2;
        t.g = kind_ == Dihedral::cosine ? cosine : degree * std::atan2(std::abs(sine), cosine);
        if constexpr (Slopes) {
            t.neighbor[0] = i, t.neighbor[1] = k, t.neighbor[2] = l;
            const double turn = kind_ == Dihedral::cosine ? -sine : (sine < 0 ? -degree : degree);
            const double fg = dot3(F_, G) / (A2 * g), hg = dot3(H, G) / (B2 * g);
            // Derivatives by F, G and H; then F = D_i, G = -D_k, H = D_l - D_k.
            double dF[3], dG[3] = {}, dH[3];
            for (int a = 0; a < 3; ++a) {
                t.dg[0][a] = -turn * g / A2 * A[a];
                t.dg[2][a] = turn * g / B2 * B[a];
                t.dg[1][a] = turn * (-fg * A[a] + hg * B[a]) - t.dg[2][a];
                const double f1 = F_[a] / first.r, h1 = H[a] / last.r, g1 = G[a] / g;
                const double by_c1 = -2 * c1 * s2 * w, by_c2 = -2 * c2 * s1 * w;
                dF[a] = by_c1 * (g1 - c1 * f1) / first.r +
                        0.5 * first.dw * bond.w * last.w * s1 * s2 * f1;
                dH[a] = by_c2 * (g1 - c2 * h1) / last.r +
                        0.5 * first.w * bond.w * last.dw * s1 * s2 * h1;
                dG[a] = by_c1 * (f1 - c1 * g1) / g + by_c2 * (h1 - c2 * g1) / g +
                        0.5 * first.w * bond.dw * last.w * s1 * s2 * g1;
                t.dw[0][a] = dF[a], t.dw[1][a] = -dG[a] - dH[a], t.dw[2][a] = dH[a];
            }
        }
        f(t);
    }

    Dihedral kind_;
    Weight weight_;
    int n_species_;
    std::vector<int64_t> block_;
};

// What each centre adds by its species alone: row[species][k] = sum table[species][k].
template <class T>
class CenterRows : public Term<T> {
public:
    CenterRows(const double* table, int n_species, int64_t n)
        : table_(table, table + n_species * n), n_species_(n_species), n_(n) {}

    int64_t size() const override { return n_species_ * n_; }
    int n_species() const override { return n_species_; }
    std::unique_ptr<typename Term<T>::Scratch> scratch() const override {
        return std::make_unique<typename Term<T>::Scratch>();
    }
    void values(const Sample& sample, typename Term<T>::Scratch&, T* row) const override {
        std::fill(row, row + size(), T(0));
        sample.each_center([&](int64_t k, int64_t) {
            const int64_t at = sample.pairs.species[sample.pairs.centers[k]] * n_;
            for (int64_t q = at; q < at + n_; ++q) row[q] += table_[size_t(q)];
        });
    }
    void backward(const Sample&, typename Term<T>::Scratch&, const T*, double*) const override {}
    void tangent(const Sample&, typename Term<T>::Scratch&, const double*, T* row) const override {
        std::fill(row, row + size(), T(0));
    }
    void jacobian(const Sample&, typename Term<T>::Scratch&, T*, int64_t) const override {}

private:
    std::vector<T> table_;
    int n_species_;
    int64_t n_;
};

}  // namespace vicinal
