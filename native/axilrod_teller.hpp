// The weight of a triangle in FCHL19 (Christensen et al., J. Chem. Phys. 152, 044107 (2020)):
//
//     c (1 + 3 cos(i) cos(j) cos(k)) / (r_ij r_ik r_jk)^n
//
// with all three angles, after Axilrod, Teller and Muto (n = 3 there).
#pragma once
#include <cmath>

#include "triplets.hpp"

namespace vicinal {

class AxilrodTeller : public TripleWeight {
public:
    AxilrodTeller(double c, double n) : c_(c), n_(n) {}

    double evaluate(const double* r, double* slope) const override {
        const double product = r[0] * r[1] * r[2], decay = c_ * std::pow(product, -n_);
        // Cosines by the law of cosines: the numerator `far` of a side, over twice the other two.
        const double q[3] = {r[0] * r[0], r[1] * r[1], r[2] * r[2]};
        const double far[3] = {q[1] + q[2] - q[0], q[0] + q[2] - q[1], q[0] + q[1] - q[2]};
        const double scale = 3 / (8 * product * product);
        const double cosines = scale * far[0] * far[1] * far[2];
        for (int a = 0; a < 3; ++a) {
            const int b = (a + 1) % 3, c = (a + 2) % 3;
            const double by_side = 2 * r[a] * scale * (far[a] * (far[b] + far[c]) - far[b] * far[c]);
            slope[a] = decay * (by_side - (2 * cosines + n_ * (1 + cosines)) / r[a]);
        }
        return decay * (1 + cosines);
    }

private:
    double c_, n_;
};

}  // namespace vicinal
