const NAMES = ["Ada", "Alan", "Barbara", "Donald", "Edsger", "Frances", "Grace", "Ken", "Margaret", "Tony"] as const;

/** The name of the visitor. Each tab has another one. An application takes it from the login. */
export const visitor: string = sessionStorage.getItem("visitor") ?? nextName();

function nextName(): string {
  const count = Number(localStorage.getItem("visitors"));
  const name = NAMES[count % NAMES.length] ?? NAMES[0];
  localStorage.setItem("visitors", String(count + 1));
  sessionStorage.setItem("visitor", name);
  return name;
}
