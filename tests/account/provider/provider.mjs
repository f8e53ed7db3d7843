// The certified `oidc-provider` as somebody else's sign-in: node provider.mjs PORT CALLBACK
// Whoever signs in as "anna" is anna@shop.example; names with "unproven" have an address that is not confirmed.
import { Provider } from "oidc-provider";

const [port, callback] = process.argv.slice(2);
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{
    client_id: "vitrina",
    client_secret: "a secret of both",
    redirect_uris: [callback],
    grant_types: ["authorization_code"],
    response_types: ["code"],
  }],
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
  pkce: { required: () => true },
  features: { devInteractions: { enabled: true } },
  findAccount: (_context, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@shop.example`, email_verified: !id.includes("unproven"), name: id }),
  }),
  cookies: { keys: ["for tests only"] },
});
provider.listen(Number(port), "127.0.0.1", () => console.log("listening"));
