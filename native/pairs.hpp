// Pairs: finding them in molecules, sorting them by centre, and the chain rule from pair vectors
// to positions and strain.
#pragma once
#include <cmath>
#include <cstdint>
#include <vector>

#include "parallel.hpp"

namespace vicinal {

// The pairs of some centres; see vicinal.descriptors.base.Pairs.
struct PairsView {
    const double* D = nullptr;         // [n_all_pairs][3]
    const int32_t* j = nullptr;        // [n_all_pairs]
    const int32_t* species = nullptr;  // [n_atoms], index into the plan's species
    const int64_t* centers = nullptr;  // [n_centers]
    const int64_t* start = nullptr;
    const int64_t* stop = nullptr;
    const int64_t* samples = nullptr;  // [n_samples + 1], ranges of centres
    int64_t n_centers = 0, n_samples = 0;
    int n_threads = 1;

    // Where the pairs of each centre begin among the selected pairs; one more entry: their number.
    std::vector<int64_t> offsets() const {
        std::vector<int64_t> at(n_centers + 1, 0);
        for (int64_t k = 0; k < n_centers; ++k) at[k + 1] = at[k] + (stop[k] - start[k]);
        return at;
    }
};

// gradient [selected pairs][3] -> positions += , strain +=. One thread, in order: deterministic.
inline void scatter_pairs(const PairsView& p, const int32_t* structure, const double* gradient,
                          double* positions, double* strain) {
    const double* g = gradient;
    for (int64_t k = 0; k < p.n_centers; ++k) {
        double own[3] = {0, 0, 0};
        double* e = strain + 9 * int64_t(structure[k]);
        for (int64_t q = p.start[k]; q < p.stop[k]; ++q, g += 3) {
            double* other = positions + 3 * int64_t(p.j[q]);
            const double* d = p.D + 3 * q;
            for (int a = 0; a < 3; ++a) {
                other[a] += g[a];
                own[a] += g[a];
                for (int b = 0; b < 3; ++b) e[3 * a + b] += d[a] * g[b];
            }
        }
        double* mine = positions + 3 * p.centers[k];
        for (int a = 0; a < 3; ++a) mine[a] -= own[a];
    }
}

// Displacements of atoms and strain -> change of each selected pair vector.
inline void pair_tangents(const PairsView& p, const int32_t* structure, const double* positions,
                          const double* strain, double* out) {
    for (int64_t k = 0; k < p.n_centers; ++k) {
        const double* e = strain + 9 * int64_t(structure[k]);
        const double* mine = positions + 3 * p.centers[k];
        for (int64_t q = p.start[k]; q < p.stop[k]; ++q, out += 3) {
            const double* other = positions + 3 * int64_t(p.j[q]);
            const double* d = p.D + 3 * q;
            for (int b = 0; b < 3; ++b)
                out[b] = other[b] - mine[b] + d[0] * e[b] + d[1] * e[3 + b] + d[2] * e[6 + b];
        }
    }
}

// out[row[k]] += weight[row[k]] * values[k]; columns are split among threads, so that every sum has
// one order.
template <class T>
void pool_rows(const T* values, int64_t n_rows, int64_t n_columns, const int64_t* row,
               const double* weight, T* out, int n_threads) {
    constexpr int64_t width = 512;
    const int64_t n_strips = (n_columns + width - 1) / width;
    parallel_for(n_strips, n_threads, 1, [&](int, int64_t first, int64_t last) {
        const int64_t a = first * width, b = std::min(last * width, n_columns);
        for (int64_t k = 0; k < n_rows; ++k) {
            const T w = T(weight[row[k]]);
            const T* from = values + k * n_columns;
            T* to = out + row[k] * n_columns;
            for (int64_t f = a; f < b; ++f) to[f] += w * from[f];
        }
    });
}

// All pairs within the cutoff of structures without periodicity, by the quadratic loop: for
// molecules it beats any cell list, and one call serves thousands of them.
struct MolecularPairs {
    const double* x;             // [n_atoms][3]
    const int64_t* atom_offsets; // [n_structures + 1]
    const bool* wanted;          // [n_structures]
    int64_t n_structures;
    double cutoff;

    // Number of neighbours of each atom.
    void count(int64_t* n_neighbors, int n_threads) const {
        each_structure(n_threads, [&](int64_t a, int64_t b) {
            for (int64_t i = a; i < b; ++i) n_neighbors[i] = 0;
            for (int64_t i = a; i < b; ++i)
                for (int64_t j = i + 1; j < b; ++j)
                    if (distance2(i, j) < cutoff * cutoff) ++n_neighbors[i], ++n_neighbors[j];
        });
    }

    void fill(const int64_t* pair_offsets, int32_t* j_out, double* D, int n_threads) const {
        each_structure(n_threads, [&](int64_t a, int64_t b) {
            for (int64_t i = a; i < b; ++i) {
                int64_t q = pair_offsets[i];
                for (int64_t j = a; j < b; ++j)
                    if (j != i && distance2(i, j) < cutoff * cutoff) {
                        j_out[q] = int32_t(j);
                        for (int c = 0; c < 3; ++c) D[3 * q + c] = x[3 * j + c] - x[3 * i + c];
                        ++q;
                    }
            }
        });
    }

private:
    // The same expression whichever atom comes first, so that count and fill agree.
    double distance2(int64_t i, int64_t j) const {
        const double dx = x[3 * j] - x[3 * i], dy = x[3 * j + 1] - x[3 * i + 1],
                     dz = x[3 * j + 2] - x[3 * i + 2];
        return dx * dx + dy * dy + dz * dz;
    }
    template <class F>
    void each_structure(int n_threads, const F& f) const {
        parallel_for(n_structures, n_threads, 16, [&](int, int64_t first, int64_t last) {
            for (int64_t s = first; s < last; ++s)
                if (wanted[s]) f(atom_offsets[s], atom_offsets[s + 1]);
        });
    }
};

}  // namespace vicinal
