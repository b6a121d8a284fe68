import { Converter, ReflectionKind } from "typedoc";

/** Names the modules as users import them: `fanfare/react`. */
export function load(application) {
  application.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const module of project.getReflectionsByKind(ReflectionKind.Module)) {
      module.name = module.name === "index" ? "fanfare" : `fanfare/${module.name}`;
    }
  });
}
