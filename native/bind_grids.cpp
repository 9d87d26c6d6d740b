#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>

#include <string>

#include "bindings.hpp"
#include "grids.hpp"

namespace vicinal {

// A table whose first edge is zero and whose values are numbers.
template <class T>
static RadialTable<T> table_from(nb::handle table) {
    const auto edges = nb::cast<array_in<double>>(table.attr("edges"));
    const auto cells = nb::cast<array_in<int64_t>>(table.attr("cells"));
    const auto nodes = nb::cast<array_in<double>>(table.attr("nodes"));
    require(edges.size() > 1 && edges.data()[0] == 0, "grids: tables begin at zero");
    for (size_t s = 0; s + 1 < edges.size(); ++s)
        require(edges.data()[s] < edges.data()[s + 1], "grids: edges of tables increase");
    for (size_t s = 0; s < cells.size(); ++s) require(cells.data()[s] > 0, "grids: no cells");
    require(nodes.ndim() == 4 && nodes.shape(2) == 1, "nodes: [n_nodes][3][1][n]");
    return make_table<T>(edges, cells, nodes);
}

// See vicinal.correlate.grids.Grid; nodes [cells][4][width].
template <class T>
static GridWindow<T> window_from(nb::handle grid, const array_in<double, nb::shape<-1, 4, -1>>& nodes) {
    const int n = nb::cast<int>(grid.attr("n")), left = nb::cast<int>(grid.attr("left"));
    const double min = nb::cast<double>(grid.attr("min")), step = nb::cast<double>(grid.attr("step"));
    const int cells = int(nodes.shape(0)), width = int(nodes.shape(2));
    require(n > 0 && cells > 0 && left >= 0 && width == 2 * left + 2 && step > 0, "grids: no grid");
    return GridWindow<T>(nodes.data(), cells, width, min, step, n, left);
}

static Weight weight_from(nb::handle table, int power) {
    require(power >= 0, "grids: negative power");
    return Weight(table_from<double>(table), power);
}

template <class E>
static E choice(const std::string& name, std::initializer_list<std::pair<const char*, E>> all) {
    for (const auto& [known, value] : all)
        if (name == known) return value;
    throw std::invalid_argument("grids: unknown " + name);
}

template <class T>
static void bind_grid_terms(nb::module_& m, const std::string& digits) {
    using Made = std::shared_ptr<Term<T>>;
    m.def(("center_rows" + digits).c_str(),
          [](array_in<double, nb::shape<-1, -1>> table) -> Made {
              return std::make_shared<CenterRows<T>>(table.data(), int(table.shape(0)),
                                                     int64_t(table.shape(1)));
          },
          nb::arg("table"));
    m.def(("pair_grid" + digits).c_str(),
          [](nb::object grid, array_in<double, nb::shape<-1, 4, -1>> nodes,
             nb::object weight, int power, std::string kind,
             int n_species, array_in<int64_t> block, int64_t n_blocks) -> Made {
              const auto distance = choice<Distance>(
                  kind, {{"distance", Distance::distance},
                         {"inverse_distance", Distance::inverse_distance},
                         {"inverse_square_distance", Distance::inverse_square_distance}});
              PairTuples tuples(distance, weight_from(weight, power), n_species, to_vector(block));
              return std::make_shared<GridTerm<T, PairTuples>>(window_from<T>(grid, nodes),
                                                               std::move(tuples), n_blocks);
          },
          nb::kw_only(), nb::arg("grid"), nb::arg("nodes"), nb::arg("weight"), nb::arg("power"),
          nb::arg("kind"), nb::arg("n_species"), nb::arg("block"), nb::arg("n_blocks"));
    m.def(("triple_grid" + digits).c_str(),
          [](nb::object grid, array_in<double, nb::shape<-1, 4, -1>> nodes,
             nb::object weight, int power, std::string kind,
             std::string sides, bool triple_dipole, int n_species, array_in<int64_t> block,
             array_in<int64_t> end_block, int64_t n_blocks) -> Made {
              TripleTuples tuples(
                  choice<Angle>(kind, {{"angle", Angle::angle}, {"cosine", Angle::cosine}}),
                  choice<Sides>(sides, {{"perimeter", Sides::perimeter},
                                        {"legs", Sides::legs},
                                        {"all", Sides::all}}),
                  triple_dipole, weight_from(weight, power), n_species, to_vector(block),
                  to_vector(end_block));
              return std::make_shared<GridTerm<T, TripleTuples>>(window_from<T>(grid, nodes),
                                                                 std::move(tuples), n_blocks);
          },
          nb::kw_only(), nb::arg("grid"), nb::arg("nodes"), nb::arg("weight"), nb::arg("power"),
          nb::arg("kind"), nb::arg("sides"), nb::arg("triple_dipole"), nb::arg("n_species"),
          nb::arg("block"), nb::arg("end_block"), nb::arg("n_blocks"));
    m.def(("chain_grid" + digits).c_str(),
          [](nb::object grid, array_in<double, nb::shape<-1, 4, -1>> nodes,
             nb::object weight, int power, std::string kind,
             int n_species, array_in<int64_t> block, int64_t n_blocks) -> Made {
              ChainTuples tuples(choice<Dihedral>(kind, {{"dihedral", Dihedral::dihedral},
                                                         {"dihedral_cosine", Dihedral::cosine}}),
                                 weight_from(weight, power), n_species, to_vector(block));
              return std::make_shared<GridTerm<T, ChainTuples>>(window_from<T>(grid, nodes),
                                                                std::move(tuples), n_blocks);
          },
          nb::kw_only(), nb::arg("grid"), nb::arg("nodes"), nb::arg("weight"), nb::arg("power"),
          nb::arg("kind"), nb::arg("n_species"), nb::arg("block"), nb::arg("n_blocks"));
}

void bind_grids(nb::module_& m) {
    bind_grid_terms<double>(m, "64");
    bind_grid_terms<float>(m, "32");
}

}  // namespace vicinal
