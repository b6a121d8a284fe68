const NAMES = ["Ada", "Alan", "Barbara", "Donald", "Edsger", "Frances", "Grace", "Ken", "Margaret", "Tony"];

/** The name of the visitor. Each tab has another one. An application takes it from the login. */
export const visitor: string = sessionStorage.getItem("visitor") ?? anyone();

function anyone(): string {
  const name = NAMES[Math.floor(Math.random() * NAMES.length)] ?? "Ada";
  sessionStorage.setItem("visitor", name);
  return name;
}
