import { beforeEach, expect, test, vi } from "vitest";
import { createIdentity, randomId } from "../src/identity";

beforeEach(() => {
  localStorage.clear();
  sessionStorage.clear();
});

test("a shopper and a visit keep their ids over pages", () => {
  const first = createIdentity();
  const [shopper, session] = [first.shopperId(), first.sessionId()];
  expect(shopper).toMatch(/^[0-9a-f-]{32,36}$/);
  expect(session).not.toBe(shopper);
  const second = createIdentity();
  expect([second.shopperId(), second.sessionId()]).toEqual([shopper, session]);
});

test("a known shopper is known on the next page too", () => {
  expect(createIdentity().identify("customer-7")).toBe(true);
  const next = createIdentity();
  expect(next.shopperId()).toBe("customer-7");
  expect(next.identify("customer-7")).toBe(false);
});

test("who comes after a known shopper is a new guest", () => {
  const identity = createIdentity();
  const guest = identity.shopperId();
  identity.identify("customer-7");
  expect(identity.identify(null)).toBe(true);
  expect(identity.shopperId()).not.toBe(guest);
  expect(identity.shopperId()).not.toBe("customer-7");
});

test("forgetting a guest keeps the guest", () => {
  const identity = createIdentity();
  const guest = identity.shopperId();
  expect(identity.identify(null)).toBe(false);
  expect(identity.shopperId()).toBe(guest);
});

test("without storage the ids last as long as the page", () => {
  const refuse = () => {
    throw new DOMException("denied", "SecurityError");
  };
  vi.spyOn(Storage.prototype, "getItem").mockImplementation(refuse);
  vi.spyOn(Storage.prototype, "setItem").mockImplementation(refuse);
  vi.spyOn(Storage.prototype, "removeItem").mockImplementation(refuse);
  const identity = createIdentity();
  expect(identity.shopperId()).toBe(identity.shopperId());
  expect(identity.identify("customer-7")).toBe(true);
  expect(identity.shopperId()).toBe("customer-7");
  identity.identify(null);
  expect(identity.shopperId()).not.toBe("customer-7");
});

test("ids are random on pages without https as well", () => {
  vi.stubGlobal("crypto", { getRandomValues: crypto.getRandomValues.bind(crypto) });
  expect(randomId()).toMatch(/^[0-9a-f]{32}$/);
  expect(randomId()).not.toBe(randomId());
  vi.unstubAllGlobals();
});
