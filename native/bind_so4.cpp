#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>

#include "bindings.hpp"
#include "so4.hpp"

namespace vicinal {

// The class Term is bound in bind_sums.cpp.
template <class T>
static void bind_invariants(nb::module_& m, const char* name) {
    m.def(name,
          [](int n_max, int n_species, int n_channels, const std::string& angle_map, double angle,
             double start, array_in<double> cutoff, array_in<double> weight, array_in<int64_t> channel,
             array_in<double> central_weight, bool central_everywhere, array_in<double> switch_at,
             array_in<double> switch_width, array_in<int64_t> triples,
             array_in<double> scale, bool relative, array_in<double> edges, array_in<int64_t> cells,
             array_in<double> nodes) -> std::shared_ptr<Term<T>> {
              require(angle_map == "linear" || angle_map == "arcsine", "so4: unknown angle map");
              SO4Options options{n_max,
                                 n_species,
                                 n_channels,
                                 angle_map == "linear" ? AngleMap::linear : AngleMap::arcsine,
                                 angle,
                                 start,
                                 to_vector(cutoff),
                                 to_vector(weight),
                                 to_vector(channel),
                                 to_vector(central_weight),
                                 central_everywhere,
                                 to_vector(switch_at),
                                 to_vector(switch_width),
                                 to_vector(triples),
                                 to_vector(scale),
                                 relative};
              return std::make_shared<SO4Invariants<T>>(std::move(options),
                                                        make_table<T>(edges, cells, nodes));
          },
          nb::kw_only(), nb::arg("n_max"), nb::arg("n_species"), nb::arg("n_channels"),
          nb::arg("angle_map"), nb::arg("angle"), nb::arg("start"), nb::arg("cutoff"),
          nb::arg("weight"), nb::arg("channel"), nb::arg("central_weight"),
          nb::arg("central_everywhere"), nb::arg("switch_at"), nb::arg("switch_width"),
          nb::arg("triples"), nb::arg("scale"), nb::arg("relative"), nb::arg("edges"),
          nb::arg("cells"), nb::arg("nodes"));
}

void bind_so4(nb::module_& m) {
    bind_invariants<double>(m, "so4_invariants64");
    bind_invariants<float>(m, "so4_invariants32");
}

}  // namespace vicinal
