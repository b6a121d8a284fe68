import { showOverlay } from "fanfare/overlay";

showOverlay();
