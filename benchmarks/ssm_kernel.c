/* The state-space neuron of `ssm_lif` as one would write it in C: the same integers, the same rounding, the same
   overflow rules; modes innermost, so that the compiler makes vectors of them. One layer, `steps` steps, one sample.

   drive    (steps, neurons)   what arrives, with the bias
   re, im   (neurons, modes)   registers, changed
   voltage  (neurons)          register, changed
   spikes   (steps, neurons)   written */

#include <stdint.h>

static inline int64_t saturate(int64_t value, int64_t top) {
    return value > top ? top : value < -top ? -top : value;
}

void run_layer(int64_t steps, int64_t neurons, int64_t modes, const int32_t *drive, const int16_t *a_re,
               const int16_t *a_im, const int8_t *c_re, const int8_t *c_im, const int8_t *d, const int8_t *d_shift,
               const int32_t *threshold, int32_t *restrict re, int32_t *restrict im, int32_t *restrict voltage,
               int8_t *restrict spikes, int64_t input_shift, int64_t c_shift) {
    const int64_t top = (1 << 23) - 1;
    for (int64_t t = 0; t < steps; t++) {
        for (int64_t n = 0; n < neurons; n++) {
            const int64_t held = saturate(drive[t * neurons + n], top);
            const int64_t shifted = held << input_shift;
            int64_t sum = 0;
            for (int64_t m = 0; m < modes; m++) {
                const int64_t i = n * modes + m;
                const int64_t x = re[i], y = im[i];
                const int64_t u = saturate(((a_re[i] * x) >> 15) - ((a_im[i] * y) >> 15) + shifted, top);
                const int64_t v = saturate(((a_re[i] * y) >> 15) + ((a_im[i] * x) >> 15), top);
                re[i] = (int32_t)u;
                im[i] = (int32_t)v;
                sum += ((c_re[i] * u) >> c_shift) - ((c_im[i] * v) >> c_shift);
            }
            const int64_t readout = saturate(sum + ((d[n] * held) >> d_shift[n]), top);
            const int64_t after = saturate(((512 * (int64_t)voltage[n]) >> 12) + readout, top);
            const int spike = after >= threshold[n];
            voltage[n] = spike ? 0 : (int32_t)after;
            spikes[t * neurons + n] = (int8_t)spike;
        }
    }
}
