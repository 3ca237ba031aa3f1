// Entry of `live.js`: the module that anywidget loads for `staa.live`.

import { widgetModule } from "./host/widget_module.js";
import { mountLive } from "./live/view.js";

export default widgetModule(mountLive);
