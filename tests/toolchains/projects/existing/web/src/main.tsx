import { useState } from "react";
import { createRoot } from "react-dom/client";
import { Report } from "./Report";

function App() {
  const [userId, setUserId] = useState<string>();
  const signIn = async () => {
    const headers = { "content-type": "application/json" };
    await fetch("/api/login", { method: "POST", headers, body: JSON.stringify("ada") });
    setUserId("ada");
  };
  if (userId === undefined) return <button onClick={signIn}>Sign in</button>;
  return (
    <>
      <Report userId={userId} />
      <section title="of another user">
        <Report userId="bob" />
      </section>
    </>
  );
}

createRoot(document.querySelector("#root")!).render(<App />);
