// Numpy arrays to pointers and back, checked once here.
#pragma once
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <stdexcept>
#include <vector>

#include "pairs.hpp"
#include "radial_table.hpp"

namespace vicinal {
namespace nb = nanobind;

template <class T, class... Shape>
using array_in = nb::ndarray<const T, nb::device::cpu, nb::c_contig, Shape...>;
template <class T, class... Shape>
using array_out = nb::ndarray<T, nb::device::cpu, nb::c_contig, Shape...>;
template <class T>
using numpy_array = nb::ndarray<nb::numpy, T>;

// A new numpy array that owns its memory. Not initialised.
template <class T>
numpy_array<T> new_array(std::initializer_list<size_t> shape) {
    // Through numpy, which asks the system for huge pages where an array is large.
    nb::object np = nb::module_::import_("numpy");
    nb::list dims;
    for (size_t s : shape) dims.append(s);
    const char* name = sizeof(T) == 8 ? (std::is_integral_v<T> ? "int64" : "float64")
                                      : (std::is_integral_v<T> ? "int32" : "float32");
    return nb::cast<numpy_array<T>>(np.attr("empty")(nb::tuple(dims), name));
}

// Keeps the arrays of a vicinal.descriptors.base.Pairs alive while a kernel reads them.
class PairsArrays {
public:
    // n_species: that of the plan which is to read them.
    PairsArrays(nb::handle pairs, int n_species)
        : PairsArrays(pairs) {
        for (size_t i = 0; i < species_.size(); ++i)
            if (species_.data()[i] < 0 || species_.data()[i] >= n_species)
                throw std::invalid_argument("inconsistent Pairs");
    }
    explicit PairsArrays(nb::handle pairs)
        : D_(get<double>(pairs, "D")), j_(get<int32_t>(pairs, "j")),
          species_(get<int32_t>(pairs, "species")), centers_(get<int64_t>(pairs, "centers")),
          start_(get<int64_t>(pairs, "start")), stop_(get<int64_t>(pairs, "stop")),
          samples_(get<int64_t>(pairs, "samples")) {
        view.D = D_.data(), view.j = j_.data(), view.species = species_.data();
        view.centers = centers_.data(), view.start = start_.data(), view.stop = stop_.data();
        view.samples = samples_.data();
        view.n_centers = int64_t(centers_.shape(0));
        view.n_samples = int64_t(samples_.shape(0)) - 1;
        view.n_threads = nb::cast<int>(pairs.attr("n_threads"));
        check();
    }
    PairsView view;

private:
    template <class T>
    static array_in<T> get(nb::handle pairs, const char* name) {
        return nb::cast<array_in<T>>(pairs.attr(name));
    }
    // Nothing that Python hands over may make a kernel read outside its arrays.
    void check() const {
        const int64_t n_pairs = int64_t(j_.shape(0)), n_atoms = int64_t(species_.shape(0));
        bool good = D_.ndim() == 2 && D_.shape(1) == 3 && int64_t(D_.shape(0)) == n_pairs &&
                    int64_t(start_.shape(0)) == view.n_centers &&
                    int64_t(stop_.shape(0)) == view.n_centers && view.n_samples >= 0;
        for (int64_t k = 0; good && k < view.n_centers; ++k)
            good = 0 <= view.start[k] && view.start[k] <= view.stop[k] && view.stop[k] <= n_pairs &&
                   0 <= view.centers[k] && view.centers[k] < n_atoms;
        for (int64_t m = 0; good && m < view.n_samples; ++m)
            good = 0 <= view.samples[m] && view.samples[m] <= view.samples[m + 1] &&
                   view.samples[m + 1] <= view.n_centers;
        if (!good) throw std::invalid_argument("inconsistent Pairs");
    }
    array_in<double> D_;
    array_in<int32_t> j_, species_;
    array_in<int64_t> centers_, start_, stop_, samples_;
};

inline void require(bool condition, const char* message) {
    if (!condition) throw std::invalid_argument(message);
}

template <class T>
std::vector<T> to_vector(const array_in<T>& a) {
    return std::vector<T>(a.data(), a.data() + a.size());
}

// A vicinal.basis.spline.Table: nodes [n_nodes][3][functions][n].
template <class T>
RadialTable<T> make_table(const array_in<double>& edges, const array_in<int64_t>& cells,
                          const array_in<double>& nodes) {
    require(nodes.ndim() == 4 && nodes.shape(1) == 3, "nodes: [n_nodes][3][functions][n]");
    require(cells.size() > 0 && edges.size() == cells.size() + 1, "one edge more than segments");
    return RadialTable<T>(edges.data(), cells.data(), int(cells.size()), nodes.data(),
                          int64_t(nodes.shape(0)), int(nodes.shape(2)), int(nodes.shape(3)));
}

// Blocks of a Jacobian: one for each selected pair and one for each centre.
inline void check_blocks(const PairsArrays& p, const array_in<int64_t>& pair_block,
                         const array_in<int64_t>& center_block, int64_t n_blocks) {
    require(int64_t(pair_block.size()) == p.view.offsets().back() &&
                int64_t(center_block.size()) == p.view.n_centers,
            "blocks do not fit the pairs");
    for (const auto* blocks : {&pair_block, &center_block})
        for (size_t k = 0; k < blocks->size(); ++k)
            require(0 <= blocks->data()[k] && blocks->data()[k] < n_blocks, "block out of range");
}

// [n][2] channels.
inline std::vector<std::pair<int, int>> to_pairs(const array_in<int64_t>& pairs, int n_channels) {
    std::vector<std::pair<int, int>> out;
    for (size_t k = 0; k + 1 < pairs.size(); k += 2) {
        const int64_t a = pairs.data()[k], b = pairs.data()[k + 1];
        require(0 <= a && a < n_channels && 0 <= b && b < n_channels, "channel pair out of range");
        out.emplace_back(int(a), int(b));
    }
    return out;
}

void bind_pairs(nb::module_& m);
void bind_density(nb::module_& m);
void bind_sums(nb::module_& m);
void bind_triplets(nb::module_& m);
void bind_so4(nb::module_& m);
void bind_grids(nb::module_& m);
void bind_similarity(nb::module_& m);

}  // namespace vicinal
