import { render } from "solid-js/web";
import { root } from "../page.js";
import { App } from "./App.js";

render(() => <App />, root());
