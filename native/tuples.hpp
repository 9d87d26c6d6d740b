// Pairs, triples and chains of four atoms about a centre: a function of each, its weight, and their
// derivatives. In double always.
#pragma once
#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

#include "neighbors.hpp"
#include "radial_table.hpp"

namespace vicinal {

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
    for (int k = 0; k < 3; ++k) {
        const int l = (k + 1) % 3, m = (k + 2) % 3;
        c[k] = a[l] * b[m] - a[m] * b[l];
    }
}

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
    void check(int64_t n_blocks) const {
        check_table(block_, size_t(n_species_) * n_species_, n_blocks);
    }

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
                t.template at<Slopes>(n, kind_ == Angle::angle);
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
        template <bool Slopes>
        void at(const Neighbors<double>& n, bool area) {
            if (!Slopes && !area) return;
            for (int s = 0; s < 2; ++s) {
                const int j = neighbor[s];
                unit[s][0] = n.x[j], unit[s][1] = n.y[j], unit[s][2] = n.z[j];
            }
            for (int a = 0; a < 3; ++a)
                unit[2][a] = (length[0] * unit[0][a] - length[1] * unit[1][a]) / length[2];
            if (!area) return;
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
        out.g = cosine<Slopes>(t, vertex, dg), out.w = t.w;
        if (kind_ == Angle::angle) {
            // A straight angle is a kink: the slope is taken as zero there.
            constexpr double degree = 180 / 3.14159265358979323846;
            const double pq = t.length[adjacent_[vertex][0]] * t.length[adjacent_[vertex][1]];
            const double sine = t.twice_area / pq;
            out.g = degree * std::atan2(sine, out.g);
            if constexpr (Slopes)
                for (double& d : dg) d = sine > 1e-7 ? -degree * d / sine : 0;
        }
        finish<Slopes>(t, dg, dw, out);
        f(out);
        if (!triple_dipole_) return;
        double d1[3], d2[3];
        const double c1 = cosine<Slopes>(t, (vertex + 1) % 3, d1);
        const double c2 = cosine<Slopes>(t, (vertex + 2) % 3, d2);
        if constexpr (Slopes)
            for (int s = 0; s < 3; ++s) dw[s] = t.dw[s] * c1 * c2 + t.w * (d1[s] * c2 + c1 * d2[s]);
        out.block += second_, out.w = t.w * c1 * c2;
        finish<Slopes>(t, dg, dw, out);
        f(out);
    }

    // By the law of cosines, with derivatives by the lengths of the sides.
    template <bool Slopes>
    static double cosine(const Triangle& t, int vertex, double* d) {
        const int ip = adjacent_[vertex][0], iq = adjacent_[vertex][1], io = adjacent_[vertex][2];
        const double p = t.length[ip], q = t.length[iq], o = t.length[io];
        const double c = std::clamp((p * p + q * q - o * o) / (2 * p * q), -1.0, 1.0);
        if constexpr (Slopes) d[ip] = 1 / q - c / p, d[iq] = 1 / p - c / q, d[io] = -o / (p * q);
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

}  // namespace vicinal
