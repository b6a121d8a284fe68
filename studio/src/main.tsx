import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App.js";
import { applyTheme } from "./ui/theme.js";
import "./styles/base.css";
import "./styles/layout.css";
import "./styles/controls.css";
import "./styles/feedback.css";
import "./styles/details.css";
import "./styles/grid.css";
import "./styles/runs.css";
import "./styles/messages.css";
import "./styles/forms.css";

applyTheme();
const root = document.getElementById("studio");
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
