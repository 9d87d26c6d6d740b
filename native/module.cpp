#include "bindings.hpp"

NB_MODULE(VICINAL_MODULE, m) {
    m.doc() = "Vicinal's kernels, built for one instruction level.";
    vicinal::bind_pairs(m);
    vicinal::bind_density(m);
}
