import { createApp } from "vue";
import { root } from "../page.js";
import App from "./App.vue";

createApp(App).mount(root());
