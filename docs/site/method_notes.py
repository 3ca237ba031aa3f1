r"""What the docstrings of methods do not say: the question, the formula, and when the method fails.

Formulas are TeX. In all of them, :math:`f` is the logit of the target class, :math:`x` the clip, :math:`\tilde x` the
clip with its parts hidden, :math:`M` the map, and :math:`c` a cell.
"""

from __future__ import annotations

from typing import NamedTuple


class MethodNote(NamedTuple):
    """Notes on a method for its page.

    Parameters
    ----------
    question
        Question that the map answers.
    formula
        Definition of the map in TeX.
    failure
        When the map is wrong, or means less than it seems to.
    """

    question: str
    formula: str
    failure: str


NOTES = {
    "staa": MethodNote(
        "Where and when did the model look, whichever class it predicted?",
        r"M = e\,\prod_{l=L}^{1}\bigl(rI + (1-r)S_l\bigr)\bigl(rI + (1-r)U_l\bigr), \qquad M_t \leftarrow M_t / p_t",
        "Attention is not contribution: a patch can be attended to and add nothing to the decision. The map is "
        "the same for every class. If a pose is held for the whole clip, or the model was trained on clips whose "
        "action always lies in the middle, the curve over time says little.",
    ),
    "staa_logit": MethodNote(
        "Which places and times that the model looked at speak for this class?",
        r"M = \sqrt{A \odot C}, \qquad C_{t,p} = \Bigl[\tfrac{1}{T}\sum_h a_h[t,p]\;w^{\top} W_o^h"
        r" v_h[t,p]\Bigr]_{+}",
        "Only the direct path of a patch to the logit counts, not what later layers make of it. Parts that speak "
        "against the class are cut off, so that two classes can have similar maps. For a head of several layers "
        "the direction is a gradient and holds near this readout only.",
    ),
    "attention_last": MethodNote(
        "Where does the last layer look?",
        r"M_{t,p} = \tfrac{1}{H}\sum_h S_{L,h}[t, \mathrm{readout}, p]",
        "In models with divided attention, every slice gets the same sum: the map cannot say *when*. In deep "
        "layers, tokens are mixed, so that attention to a token is not attention to its place.",
    ),
    "rollout": MethodNote(
        "Where does attention lead, if it is followed through all layers?",
        r"M = e\,\prod_{l=L}^{1} \tfrac{1}{2}(S_l + I)\,\tfrac{1}{2}(U_l + I)",
        "The map does not depend on the class. With a residual of one half, deep models spread the flow over all "
        "tokens, and the map becomes flat. Embeddings of time make a curve even on a still film, which is not "
        "divided out.",
    ),
    "attention_gradient": MethodNote(
        "Which attention raised the logit of this class?",
        r"r \leftarrow r + r\cdot\tfrac{1}{H}\sum_h \Bigl[A_h \odot \frac{\partial f}{\partial A_h}\Bigr]_{+}",
        "Only positive products are kept, so that nothing speaks against the class. Where the softmax is "
        "saturated, gradients of attention vanish and the map is noise. It is all zero if no gradient is "
        "positive.",
    ),
    "grad_cam": MethodNote(
        "Where are the features that raise the logit of this class?",
        r"M_c = \Bigl[\sum_k \Bigl(\tfrac{1}{N}\sum_{c'} \frac{\partial f}{\partial F_{k,c'}}\Bigr)"
        r" F_{k,c}\Bigr]_{+}",
        "The mean gradient of a channel forgets where it mattered: good for convolutions, poor for tokens that "
        "have exchanged their contents. The map is all zero if every cell lowers the logit.",
    ),
    "staa_original_code": MethodNote(
        "What does the code published with STAA compute?",
        r"M_i = S_L[0, i, :]",
        "Always, as an explanation: it reads rows of patches of frame 0, whatever happens in the other frames, "
        "and leaves out temporal attention. It is here so that published figures can be compared.",
    ),
    "uniform": MethodNote(
        "How does a map score that says nothing?",
        r"M_c = 1",
        "It is a control, so it explains nothing. Where it scores well, the metric is at fault, or the clip "
        "leaves no choice.",
    ),
    "random": MethodNote(
        "How does noise score?",
        r"M_c \sim \mathcal{U}(0, 1)",
        "It is a control, so it explains nothing. One draw varies much: compare with it over many clips.",
    ),
    "random_smooth": MethodNote(
        "How does a map score that is as smooth as real ones, but made by chance?",
        r"M = B * B * B * u, \qquad u_c \sim \mathcal{U}(0, 1)",
        "It is a control, so it explains nothing. To the eye it looks like an explanation.",
    ),
    "center": MethodNote(
        "How far does one get by pointing at the center of the frame?",
        r"M_{t,y,x} = \exp\Bigl(-\frac{(x-\frac{1}{2})^2 + (y-\frac{1}{2})^2}{2\cdot 0.25^2}\Bigr)",
        "It is a control, so it explains nothing. It is hard to beat on videos that people framed with care.",
    ),
    "bell": MethodNote(
        "How far does one get by pointing at the middle of the clip's time?",
        r"M_{t,c} = \exp\Bigl(-\frac{(t-\frac{1}{2})^2}{2\,\sigma^2}\Bigr), \qquad \sigma = \tfrac{1.5}{8}",
        "It is a control, so it explains nothing. It is hard to beat where clips were cut around their action.",
    ),
    "center_bell": MethodNote(
        "How far does one get by pointing at the center of the frame in the middle of the time?",
        r"M = M_{\mathrm{center}} \odot M_{\mathrm{bell}}",
        "It is a control, so it explains nothing.",
    ),
    "slot_frequency": MethodNote(
        "How far does one get by knowing where and when actions usually happen?",
        r"M_c = \tfrac{1}{n}\sum_{i=1}^{n} [\,c \in G_i\,]",
        "It is a control, so it explains nothing. It knows the training clips of the bundled models only: for "
        "other videos it is arbitrary.",
    ),
    "motion_energy": MethodNote(
        "Where do pixels change?",
        r"M_t = \tfrac{1}{2}\bigl(|x_t - x_{t-1}| + |x_{t+1} - x_t|\bigr)",
        "It is a control, so it explains nothing about a model. A moving camera lights up the whole frame, and a "
        "pose that is held gets no heat.",
    ),
    "other_clip": MethodNote(
        "How does the map of a clip score that has nothing to do with this one?",
        r"M(x) = M_{\mathrm{staa}}(x')",
        "It is a control, so it explains nothing. If it scores like `staa`, then `staa` shows habits of the model "
        "and not this clip.",
    ),
    "saliency": MethodNote(
        "Which pixels would change the logit if they were changed a little?",
        r"M_c = \sum_{i\in c} \Bigl|\frac{\partial f}{\partial x_i}\Bigr|",
        "Gradients of deep models are noisy, and small where the model is sure: a pixel that decides can have a "
        "gradient near zero. Sensitivity is not contribution, and there is no sign.",
    ),
    "input_x_gradient": MethodNote(
        "How much does each pixel contribute, if the model were linear?",
        r"M_c = \sum_{i\in c} x_i\,\frac{\partial f}{\partial x_i}",
        "The model is not linear. Pixels of the mean color get zero, whatever they do. The map changes with the "
        "normalization of the pixels.",
    ),
    "integrated_gradients": MethodNote(
        "How do the pixels share the difference in the logit between a blurred clip and this one?",
        r"M_c = \sum_{i\in c}(x_i-\tilde x_i)\int_0^1 \frac{\partial f}{\partial x_i}\bigl(\tilde x +"
        r" \alpha(x-\tilde x)\bigr)\,d\alpha",
        "The answer depends on the baseline: what the blur leaves unchanged gets nothing. With too few steps the "
        "values do not add up; `explain` then gives an `IncompleteAttributionWarning`.",
    ),
    "smooth_grad": MethodNote(
        "Which pixels is the logit sensitive to, on average over noisy copies of the clip?",
        r"M_c = \sum_{i\in c}\Bigl|\tfrac{1}{n}\sum_{k=1}^{n} \frac{\partial f}{\partial x_i}(x +"
        r" \varepsilon_k)\Bigr|",
        "The noise makes clips that the model has never seen. Much noise gives a smooth map of another clip, "
        "little noise the noise of `saliency`.",
    ),
    "gradient_shap": MethodNote(
        "How do the pixels share the difference in the logit between a baseline and this clip, on average?",
        r"M_c = \sum_{i\in c}\tfrac{1}{n}\sum_{k=1}^{n} (x_i + \varepsilon_{k,i} - \tilde x_i)\,"
        r"\frac{\partial f}{\partial x_i}\bigl(\tilde x + \alpha_k(x + \varepsilon_k - \tilde x)\bigr)",
        "It is an estimate from few points: the sum is off by chance, and another seed gives another map. The "
        "baseline decides, as for `integrated_gradients`.",
    ),
    "occlusion": MethodNote(
        "By how much does the logit fall if this cell is hidden?",
        r"M_c = f(x) - f(x_{\setminus c})",
        "If two cells show the same, hiding one of them changes nothing, and both get zero. A hidden cell can "
        "look like something else to the model, so the filler matters.",
    ),
    "lime": MethodNote(
        "Which straight line describes the logit best, as segments are shown and hidden?",
        r"\min_w \sum_k \pi(z_k)\,\bigl(f(x_{z_k}) - w_0 - w^{\top} z_k\bigr)^2 + \lVert w\rVert^2",
        "Segments act together, and a line cannot say so. The map is as coarse as its 64 segments, and it changes "
        "with the samples. Most samples are clips that no camera would film.",
    ),
    "kernel_shap": MethodNote(
        "What does each segment add to the logit, on average over all orders of showing segments?",
        r"\phi_i = \sum_{z \not\ni i} \frac{|z|!\,(n-|z|-1)!}{n!}\,\bigl(f(x_{z\cup i}) - f(x_z)\bigr)",
        "With 64 segments the values are estimated from 2048 of 2⁶⁴ coalitions, so that small values are noise. "
        "The map is as coarse as the segments.",
    ),
    "shapley": MethodNote(
        "What does each part of the clip's time add to the logit, exactly?",
        r"\phi_i = \sum_{z \not\ni i} \frac{|z|!\,(n-|z|-1)!}{n!}\,\bigl(f(x_{z\cup i}) - f(x_z)\bigr)",
        "At most eight segments: by default the map says *when*, and not *where*. What a hidden segment looks "
        "like decides with.",
    ),
    "loco": MethodNote(
        "By how much does the logit fall if this segment is left out?",
        r"M_i = f(x) - f(x_{\setminus i})",
        "As for `occlusion`: if another segment shows the same, neither counts. The map is as coarse as the segments.",
    ),
    "step": MethodNote(
        "Which small smooth part of the clip is enough for the prediction?",
        r"\max_m\; p(m \odot x + (1-m)\odot\tilde x) - \lambda\,"
        r"\lVert \mathrm{sort}(m) - r_a\rVert^2, \qquad |m| = a",
        "There can be many sufficient parts, and the optimization finds one. The optimized mask may make evidence "
        "of its own: look at the probability that each mask keeps. The quick preset has not converged everywhere.",
    ),
    "extremal": MethodNote(
        "Which small part of the clip, scattered or not, is enough for the prediction?",
        r"\max_m\; p(m \odot x + (1-m)\odot\tilde x) - \lambda\,\lVert \mathrm{sort}(m) - r_a\rVert^2",
        "As for `step`, and more often: scattered masks can draw a pattern that the model takes for evidence.",
    ),
    "rise": MethodNote(
        "Does the logit rise with the visibility of this cell?",
        r"M_c = \frac{\mathrm{Cov}\bigl(m_c,\; f(m\odot x + (1-m)\odot\tilde x)\bigr)}{\mathrm{Var}(m_c)}",
        "300 masks are few for a fine grid: `provenance` has the standard error. Parts of a mask are coarse, so "
        "that small objects blur into their surroundings.",
    ),
    "patch_attention": MethodNote(
        "Where does the attention of this patch go?",
        r"M(t', p') = S[t, p, p'] \cdot U[p', t, t']",
        "It explains no decision, and is for exploration only. The mean over heads hides what single heads do.",
    ),
}
"""Notes by name of the method."""
