// Numpy arrays to pointers and back, checked once here.
#pragma once
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <stdexcept>
#include <vector>

#include "pairs.hpp"

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

void bind_pairs(nb::module_& m);
void bind_density(nb::module_& m);

}  // namespace vicinal
