"""Reference answers of A2, build rollout."""

import numpy as np


def mix(attention, residual):
    """Return attention mixed with the identity, the residual connection."""
    return residual * np.eye(attention.shape[-1]) + (1 - residual) * attention


def step_in_frames(flow, attention, residual):
    """Carry a flow through the attention within frames; CLS is shared by all frames afterwards."""
    carried = (flow[:, None, :] @ mix(attention, residual))[:, 0]
    carried[:, 0] = carried[:, 0].mean()
    return carried


def step_over_time(flow, attention, residual):
    """Carry the patches of a flow through the attention over time; CLS stays as it is."""
    carried = flow.copy()
    carried[:, 1:] = np.einsum("tp,ptu->up", flow[:, 1:], mix(attention, residual))
    return carried


def rollout(spatial, temporal, residual):
    """Return the flow from CLS back to the patches of the input, through all layers from the last to the first."""
    layers, frames, tokens = spatial.shape[:3]
    flow = np.zeros((frames, tokens))
    flow[:, 0] = 1 / frames
    for layer in reversed(range(layers)):
        flow = step_in_frames(flow, spatial[layer], residual)
        flow = step_over_time(flow, temporal[layer], residual)
    return flow[:, 1:]


def divide_by_profile(maps, profile):
    """Divide each slice by its share in the profile, and scale the whole map to sum 1."""
    divided = maps / profile.reshape(-1, *[1] * (maps.ndim - 1))
    return divided / divided.sum()


def staa_map(spatial, temporal, profile):
    """Return the map of the method `staa`, with a residual of 0.7."""
    return divide_by_profile(rollout(spatial, temporal, 0.7), profile)
