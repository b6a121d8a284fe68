const NAMES = ["Ada", "Alan", "Barbara", "Donald", "Edsger", "Frances", "Grace", "Ken", "Margaret", "Tony"];

/** The person who uses this page. An application gets it from its login; here each tab is another person. */
export const visitor: string = sessionStorage.getItem("visitor") ?? anyone();

function anyone(): string {
  const name = NAMES[Math.floor(Math.random() * NAMES.length)] ?? "Ada";
  sessionStorage.setItem("visitor", name);
  return name;
}
