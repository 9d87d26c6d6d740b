#include "bindings.hpp"
namespace vicinal {
void bind_density(nb::module_&) {}
}
