// Entry of `widget.js`: the module that anywidget loads in a notebook.

import { widgetModule } from "./host/widget_module.js";
import { mount } from "./ui/player.js";

export default widgetModule(mount);
