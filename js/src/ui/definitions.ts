// Definitions of the words on the face of the player.

export const DEFINITIONS = {
  clipScale: "One scale for the whole clip: the last color stands for its strongest cell. Frames can be compared.",
  frameScale:
    "A scale for each frame: the last color stands for the strongest cell of that frame. Frames cannot be compared.",
  sharedScale:
    "One scale for all panes: the last color stands for the strongest cell of any pane. Panes can be compared.",
  colorbar: "Which color stands for which value. A cell is a patch of the picture in one slice of time.",
  patch:
    "The model has one value for each patch of this size. Colors between the centers of patches are interpolated, so no detail finer than a patch can be seen.",
  joint: "The joint map: the result of the method, from all layers and heads together.",
  even: "The share that each slice would have if the attribution were spread evenly over time.",
  slice: "A slice is the shortest time that the model tells apart: one or a few of the frames that it saw.",
  control: "A control: a map that owes nothing to the model. A method should score higher.",
  chance: "The score of a map with the same value in every cell.",
  prior: "The best score of a map that is the same for every clip, such as a spot in the center.",
} as const;
