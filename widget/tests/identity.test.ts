import { beforeEach, expect, test, vi } from "vitest";
import { createIdentity as create, randomId } from "../src/identity";

let granted = true;
const createIdentity = () => create(() => granted);

beforeEach(() => {
  granted = true;
  localStorage.clear();
  sessionStorage.clear();
});

test("a shopper and a visit keep their ids over pages", () => {
  const first = createIdentity();
  const [shopper, session] = [first.who().shopper_id, first.who().session_id];
  expect(shopper).toMatch(/^guest-[0-9a-f]{32}$/); // which the server believes to be a guest's
  expect(session).not.toBe(shopper);
  const second = createIdentity();
  expect([second.who().shopper_id, second.who().session_id]).toEqual([shopper, session]);
});

test("a known shopper is known on the next page too", () => {
  expect(createIdentity().identify("customer-7")).toBe(true);
  const next = createIdentity();
  expect(next.who().shopper_id).toBe("customer-7");
  expect(next.identify("customer-7")).toBe(false);
});

test("who comes after a known shopper is a new guest", () => {
  const identity = createIdentity();
  const guest = identity.who().shopper_id;
  identity.identify("customer-7");
  expect(identity.identify(null)).toBe(true);
  expect(identity.who().shopper_id).not.toBe(guest);
  expect(identity.who().shopper_id).not.toBe("customer-7");
});

test("a name given as the page is read to its end replaces the one given before", async () => {
  const identity = createIdentity();
  Object.defineProperty(document, "readyState", { value: "loading", configurable: true });
  identity.identify("customer-7");
  delete (document as { readyState?: unknown }).readyState;
  identity.identify("customer-8");
  document.dispatchEvent(new Event("DOMContentLoaded"));
  await new Promise((done) => setTimeout(done));
  expect(createIdentity().who().shopper_id).toBe("customer-8");
});

test("forgetting a guest keeps the guest", () => {
  const identity = createIdentity();
  const guest = identity.who().shopper_id;
  expect(identity.identify(null)).toBe(false);
  expect(identity.who().shopper_id).toBe(guest);
});

test("without storage the ids last as long as the page", () => {
  const refuse = () => {
    throw new DOMException("denied", "SecurityError");
  };
  vi.spyOn(Storage.prototype, "getItem").mockImplementation(refuse);
  vi.spyOn(Storage.prototype, "setItem").mockImplementation(refuse);
  vi.spyOn(Storage.prototype, "removeItem").mockImplementation(refuse);
  const identity = createIdentity();
  expect(identity.who().shopper_id).toBe(identity.who().shopper_id);
  expect(identity.identify("customer-7")).toBe(true);
  expect(identity.who().shopper_id).toBe("customer-7");
  identity.identify(null);
  expect(identity.who().shopper_id).not.toBe("customer-7");
});

test("ids are random on pages without https as well", () => {
  vi.stubGlobal("crypto", { getRandomValues: crypto.getRandomValues.bind(crypto) });
  expect(randomId()).toMatch(/^[0-9a-f]{32}$/);
  expect(randomId()).not.toBe(randomId());
  vi.unstubAllGlobals();
});

test("a known shopper is told together with the guest that they were", () => {
  const identity = createIdentity();
  const guest = identity.who().shopper_id;
  identity.identify("customer-7");
  expect(identity.who()).toMatchObject({ shopper_id: "customer-7", anonymous_id: guest });
});

test("whoever takes over from a known shopper does not take the guest that one was", () => {
  const identity = createIdentity();
  identity.who();
  identity.identify("customer-7");
  identity.identify("customer-8");
  expect(identity.who()).not.toHaveProperty("anonymous_id");
});

test("without consent nobody is recognised, nothing is stored, and what was is removed", () => {
  createIdentity().who();
  granted = false;
  const identity = createIdentity();
  identity.forget();
  identity.identify("customer-7");
  expect(identity.who()).toEqual({});
  expect([localStorage.length, sessionStorage.length]).toEqual([0, 0]);
});
