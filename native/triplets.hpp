// Sums over pairs of neighbours j < k of functions that do not separate over j and k:
//
//     row[block][a][e] = sum_jk w_jk U_e A_a,
//     U_e = P_e(r_ij) P_e(r_ik) Q_e(r_jk) S_e((r_ij + r_ik) / 2),   A_a = A_a(theta)
//
// where Q and S may be absent, and block and w follow from the species of centre and neighbours;
// w may also depend on the shape of the triangle (TripleWeight). Every factor comes from tables: a
// triple costs a few vector operations for each factor, and one for each vector of features.
#pragma once
#include <cmath>
#include <limits>
#include <optional>

#include "radial_table.hpp"
#include "sums.hpp"

namespace vicinal {

// A weight by the three distances of a triangle, symmetric in the first two.
struct TripleWeight {
    virtual ~TripleWeight() = default;
    // r: r_ij, r_ik, r_jk; slope [3]: derivatives by them.
    virtual double evaluate(const double* r, double* slope) const = 0;
};

template <class T>
class Triplets : public Term<T> {
public:
    using V = vec<T>;
    static constexpr int W = Simd<T>::width;

    struct Factors {
        RadialTable<T> P;
        std::optional<RadialTable<T>> Q, S;
        RadialTable<T> A;      // of 1 + cos(theta), or of theta
        int n_pair, n_angle;   // numbers of U_e and A_a
        bool theta;            // A is a function of theta, which need not be smooth in the cosine
        bool paired;           // not all products: row[block][e] is the sum of U_e A_e
        bool angles_last;      // row[block][e][a]
        std::shared_ptr<const TripleWeight> shape;
    };

    // block, weight: [species of the centre][of j][of k], read for species j <= k alone; block -1
    // counts nowhere.
    Triplets(Factors factors, int n_species, int n_blocks, std::vector<int64_t> block,
             std::vector<double> weight)
        : f_(std::move(factors)), n_species_(n_species), n_blocks_(n_blocks),
          n_angle_(f_.paired ? 1 : f_.n_angle), block_(std::move(block)), weight_(std::move(weight)) {
        const size_t n = size_t(n_species) * n_species * n_species;
        if (block_.size() != n || weight_.size() != n)
            throw std::invalid_argument("triplets: one block and weight for each three species");
        for (int64_t b : block_)
            if (b < -1 || b >= n_blocks) throw std::invalid_argument("triplets: unknown block");
        const int row = f_.P.row();
        if (row != padded<T>(f_.n_pair) || f_.A.row() != padded<T>(f_.n_angle) ||
            (f_.Q && f_.Q->row() != row) || (f_.S && f_.S->row() != row) ||
            (f_.paired && f_.n_pair != f_.n_angle))
            throw std::invalid_argument("triplets: the numbers of functions differ");
        if (f_.S && f_.S->end() < f_.P.end())
            throw std::invalid_argument("triplets: S does not reach as far as P");
    }

    int64_t size() const override { return int64_t(n_blocks_) * n_angle_ * f_.n_pair; }
    int n_species() const override { return n_species_; }

    struct Scratch : Term<T>::Scratch {
        explicit Scratch(const Triplets& t)
            : neighbors(t.n_species_), sums(size_t(t.n_blocks_) * t.block_size()), A(t.f_.A.row()),
              dA(t.f_.A.row()), Q(t.width()), dQ(t.width()), S(t.width()), dS(t.width()),
              U(t.width()), Uj(t.width()), Uk(t.width()), Uc(t.width()) {
            for (int v = 0; v < t.width(); ++v) Q[v] = S[v] = T(1);  // where there is none
        }
        Neighbors<T> neighbors;
        Buffer<T> sums;                        // or cotangents: [block][a][e], e padded
        Buffer<T> A, dA, Q, dQ, S, dS;         // the tables' values and slopes
        Buffer<T> U, Uj, Uk, Uc;               // U_e; its slopes by r_ij, r_ik, cos(theta)
        std::vector<T> P, dP;                  // of each neighbour
        std::vector<T> cosine, square;         // of theta; of r_jk
        std::vector<int> chosen;               // the k of one j that count
    };
    std::unique_ptr<typename Term<T>::Scratch> scratch() const override {
        return std::make_unique<Scratch>(*this);
    }

    void values(const Sample& sample, typename Term<T>::Scratch& any, T* row) const override {
        auto& s = static_cast<Scratch&>(any);
        clear(s);
        each<false>(sample, s, [&](const Triple& t) {
            T* to = s.sums.get() + t.block * block_size();
            const int width = this->width();
            const T *U = s.U.get(), *A = s.A.get();
            angles([&](auto angle, int n) {
                for (int v = 0; v < width; v += W, to += W) {
                    const V u = load(U + v);
                    for (int a = 0; a < n; ++a)
                        store<T>(to + a * width, load(to + a * width) + angle(A, a, v) * u);
                }
            });
        });
        unpad(s, row);
    }

    void backward(const Sample& sample, typename Term<T>::Scratch& any, const T* cotangent,
                  double* out) const override {
        auto& s = static_cast<Scratch&>(any);
        pad(cotangent, s);
        each<true>(sample, s, [&](const Triple& t) {
            V gj{}, gk{}, gc{};
            angles([&](auto angle, int n_angles) {
                for (int v = 0; v < width(); v += W) {
                    const T* cot = s.sums.get() + t.block * block_size() + v;
                    V g{}, h{};
                    for (int a = 0; a < n_angles; ++a, cot += width()) {
                        g += angle(s.A.get(), a, v) * load(cot);
                        h += angle(s.dA.get(), a, v) * load(cot);
                    }
                    gj += g * load(s.Uj.get() + v);
                    gk += g * load(s.Uk.get() + v);
                    gc += g * load(s.Uc.get() + v) + h * load(s.U.get() + v);
                }
            });
            const Neighbors<T>& n = s.neighbors;
            const T by_j = sum<T>(gj), by_k = sum<T>(gk), by_cos = sum<T>(gc);
            for (int end = 0; end < 2; ++end) {
                const int i = end ? t.k : t.j;
                T across[3];
                turn(n, i, end ? t.j : t.k, t.cosine, across);
                const T unit[3] = {n.x[i], n.y[i], n.z[i]};
                for (int d = 0; d < 3; ++d)
                    out[3 * n.selected[i] + d] += (end ? by_k : by_j) * unit[d] + by_cos * across[d];
            }
        });
    }

    void tangent(const Sample& sample, typename Term<T>::Scratch& any, const double* tangent,
                 T* row) const override {
        auto& s = static_cast<Scratch&>(any);
        clear(s);
        each<true>(sample, s, [&](const Triple& t) {
            const Neighbors<T>& n = s.neighbors;
            T dr[2] = {0, 0}, dcos = 0;
            for (int end = 0; end < 2; ++end) {
                const int i = end ? t.k : t.j;
                T across[3];
                turn(n, i, end ? t.j : t.k, t.cosine, across);
                const T unit[3] = {n.x[i], n.y[i], n.z[i]};
                for (int d = 0; d < 3; ++d) {
                    const T along = T(tangent[3 * n.selected[i] + d]);
                    dr[end] += along * unit[d], dcos += along * across[d];
                }
            }
            T* to = s.sums.get() + t.block * block_size();
            const int width = this->width();
            const T *A = s.A.get(), *dA = s.dA.get();
            angles([&](auto angle, int n_angles) {
                for (int v = 0; v < width; v += W, to += W) {
                    const V U = dcos * load(s.U.get() + v);
                    const V dU = dr[0] * load(s.Uj.get() + v) + dr[1] * load(s.Uk.get() + v) +
                                 dcos * load(s.Uc.get() + v);
                    for (int a = 0; a < n_angles; ++a) {
                        T* at = to + a * width;
                        store<T>(at, load(at) + angle(A, a, v) * dU + angle(dA, a, v) * U);
                    }
                }
            });
        });
        unpad(s, row);
    }

    void jacobian(const Sample& sample, typename Term<T>::Scratch& any, T* J,
                  int64_t stride) const override {
        auto& s = static_cast<Scratch&>(any);
        each<true>(sample, s, [&](const Triple& t) {
            const Neighbors<T>& n = s.neighbors;
            for (int end = 0; end < 2; ++end) {
                const int i = end ? t.k : t.j;
                const T* Ur = end ? s.Uk.get() : s.Uj.get();
                T across[3];
                turn(n, i, end ? t.j : t.k, t.cosine, across);
                const T unit[3] = {n.x[i], n.y[i], n.z[i]};
                for (int d = 0; d < 3; ++d) {
                    T* to = J + ((n.selected[i] - sample.base) * 3 + d) * stride;
                    each_feature(t.block, [&](int a, int e, int64_t feature) {
                        const int q = f_.paired ? e : a;
                        to[feature] += unit[d] * s.A[q] * Ur[e] +
                                       across[d] * (s.A[q] * s.Uc[e] + s.dA[q] * s.U[e]);
                    });
                }
            }
        });
    }

private:
    struct Triple {
        int j, k;
        int64_t block;
        T cosine;
    };

    int width() const { return f_.P.row(); }
    int64_t block_size() const { return int64_t(n_angle_) * width(); }

    // Calls f(angle, number of angles); angle(A, a, v): factor A of features v, v + 1, ... of angle a.
    template <class F>
    void angles(const F& f) const {
        if (f_.paired)
            f([](const T* A, int, int v) { return load(A + v); }, 1);
        else
            f([](const T* A, int a, int) { return splat(A[a]); }, n_angle_);
    }

    // Derivative of the cosine at the centre by D_i, where `other` is the other neighbour.
    static void turn(const Neighbors<T>& n, int i, int other, T cosine, T* out) {
        const T per_r = T(1 / n.r[i]);
        out[0] = (n.x[other] - cosine * n.x[i]) * per_r;
        out[1] = (n.y[other] - cosine * n.y[i]) * per_r;
        out[2] = (n.z[other] - cosine * n.z[i]) * per_r;
    }

    // Calls f for each triple that counts, with its factors in the scratch.
    template <bool Slopes, class F>
    void each(const Sample& sample, Scratch& s, const F& f) const {
        Neighbors<T>& n = s.neighbors;
        sample.each_center([&](int64_t center, int64_t base) {
            n.read(sample.pairs, center, base, f_.P.end());
            s.P.resize(size_t(n.size) * width());
            if (Slopes) s.dP.resize(s.P.size());
            s.cosine.resize(n.size), s.square.resize(n.size), s.chosen.resize(n.size);
            for (int j = 0; j < n.size; ++j)
                f_.P.evaluate(n.r[j], T(1), s.P.data() + size_t(j) * width(),
                              Slopes ? s.dP.data() + size_t(j) * width() : nullptr);
            for (int j = 0; j < n.size; ++j)
                for (int species = n.species[j]; species < n_species_; ++species) {
                    const size_t at =
                        (size_t(n.center) * n_species_ + n.species[j]) * n_species_ + species;
                    if (block_[at] < 0) continue;
                    const int found = choose(s, j, std::max(j + 1, n.first[species]), n.first[species + 1]);
                    for (int c = 0; c < found; ++c) {
                        const int k = s.chosen[c];
                        evaluate<Slopes>(s, j, k, weight_[at]);
                        f(Triple{j, k, block_[at], s.cosine[k]});
                    }
                }
        });
    }

    // Cosines and distances of the pairs (j, first <= k < last); how many are near enough to count.
    int choose(Scratch& s, int j, int first, int last) const {
        const Neighbors<T>& n = s.neighbors;
        const T x = n.x[j], y = n.y[j], z = n.z[j], r = T(n.r[j]);
        for (int k = first; k < last; ++k) {
            const T rk = T(n.r[k]), cosine = x * n.x[k] + y * n.y[k] + z * n.z[k];
            s.cosine[k] = cosine;
            s.square[k] = r * r + rk * rk - 2 * r * rk * cosine;
        }
        const T end = f_.Q ? T(f_.Q->end() * f_.Q->end()) : std::numeric_limits<T>::infinity();
        int found = 0;
        for (int k = first; k < last; ++k) {
            s.chosen[found] = k;
            found += s.square[k] < end;
        }
        return found;
    }

    template <bool Slopes>
    void evaluate(Scratch& s, int j, int k, double weight) const {
        const Neighbors<T>& n = s.neighbors;
        const T cosine = s.cosine[k];
        const double rj = n.r[j], rk = n.r[k];
        const double d = std::sqrt(std::max(double(s.square[k]), 1e-12));
        evaluate_angles<Slopes>(s, j, k);
        if (f_.Q) f_.Q->evaluate(d, T(1), s.Q.get(), Slopes ? s.dQ.get() : nullptr);
        if (f_.S) f_.S->evaluate(0.5 * (rj + rk), T(1), s.S.get(), Slopes ? s.dS.get() : nullptr);
        double w = weight, by_distance[3] = {0, 0, 0};
        if (f_.shape) {
            const double r[3] = {rj, rk, d};
            w *= f_.shape->evaluate(r, by_distance);
        }
        // Slopes of r_jk by r_ij, r_ik and the cosine.
        const double dj = (rj - rk * double(cosine)) / d, dk = (rk - rj * double(cosine)) / d,
                     dc = -rj * rk / d;
        const T wj = T(weight * (by_distance[0] + by_distance[2] * dj)),
                wk = T(weight * (by_distance[1] + by_distance[2] * dk)),
                wc = T(weight * by_distance[2] * dc);
        const V w_ = splat(T(w)), dj_ = splat(T(w * dj)), dk_ = splat(T(w * dk)), dc_ = splat(T(w * dc));
        const int width = this->width();
        const T *Pj = s.P.data() + size_t(j) * width, *Pk = s.P.data() + size_t(k) * width,
                *Q = s.Q.get(), *S = s.S.get();
        T* U = s.U.get();
        for (int v = 0; v < width; v += W) {
            const V pj = load(Pj + v), pk = load(Pk + v), p = pj * pk, q = load(Q + v),
                    m = load(S + v), qm = q * m, u = p * qm;
            store<T>(U + v, w_ * u);
            if constexpr (Slopes) {
                const T *dPj = s.dP.data() + size_t(j) * width + v,
                        *dPk = s.dP.data() + size_t(k) * width + v;
                const V by_d = p * load(s.dQ.get() + v) * m,
                        by_mean = T(0.5) * w_ * p * q * load(s.dS.get() + v);
                store<T>(s.Uj.get() + v, w_ * load(dPj) * pk * qm + by_mean + dj_ * by_d + wj * u);
                store<T>(s.Uk.get() + v, w_ * load(dPk) * pj * qm + by_mean + dk_ * by_d + wk * u);
                store<T>(s.Uc.get() + v, dc_ * by_d + wc * u);
            }
        }
    }

    // A_a and its slope by the cosine.
    template <bool Slopes>
    void evaluate_angles(Scratch& s, int j, int k) const {
        const Neighbors<T>& n = s.neighbors;
        T* slope = Slopes ? s.dA.get() : nullptr;
        if (!f_.theta) return f_.A.evaluate(1 + double(s.cosine[k]), T(1), s.A.get(), slope);
        const T x = n.y[j] * n.z[k] - n.z[j] * n.y[k], y = n.z[j] * n.x[k] - n.x[j] * n.z[k],
                z = n.x[j] * n.y[k] - n.y[j] * n.x[k], sine = std::sqrt(x * x + y * y + z * z);
        f_.A.evaluate(std::atan2(double(sine), double(s.cosine[k])), T(1), s.A.get(), slope);
        if constexpr (Slopes) {
            // The gradient of theta has a length of 1/r but no direction where the sine vanishes.
            const T by_cosine = sine > 1000 * std::numeric_limits<T>::epsilon() ? -1 / sine : T(0);
            for (int v = 0; v < f_.A.row(); v += W)
                store<T>(slope + v, by_cosine * load(slope + v));
        }
    }

    // f(a, e, place in the row) for the features of a block.
    template <class F>
    void each_feature(int64_t block, const F& f) const {
        const int64_t by_a = f_.angles_last ? 1 : f_.n_pair, by_e = f_.angles_last ? n_angle_ : 1;
        const int64_t first = block * n_angle_ * f_.n_pair;
        for (int a = 0; a < n_angle_; ++a)
            for (int e = 0; e < f_.n_pair; ++e) f(a, e, first + a * by_a + e * by_e);
    }
    void unpad(const Scratch& s, T* row) const {
        const T* from = s.sums.get();
        for (int64_t b = 0; b < n_blocks_; ++b, from += block_size())
            each_feature(b, [&](int a, int e, int64_t to) { row[to] = from[a * width() + e]; });
    }
    void pad(const T* row, Scratch& s) const {
        T* to = s.sums.get();
        for (int64_t b = 0; b < n_blocks_; ++b, to += block_size())
            each_feature(b, [&](int a, int e, int64_t from) { to[a * width() + e] = row[from]; });
    }
    static void clear(Scratch& s) { std::fill_n(s.sums.get(), s.sums.size(), T(0)); }

    Factors f_;
    int n_species_, n_blocks_, n_angle_;
    std::vector<int64_t> block_;
    std::vector<double> weight_;
};

}  // namespace vicinal
