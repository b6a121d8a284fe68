import { mount } from "svelte";
import { root } from "../page.js";
import App from "./App.svelte";

mount(App, { target: root() });
