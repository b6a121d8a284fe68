import { createRoot } from "react-dom/client";
import { Progress } from "./Progress.js";

createRoot(document.querySelector("#root")!).render(<Progress runId="run_42" />);
