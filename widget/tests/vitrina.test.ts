import { beforeEach, expect, test, vi } from "vitest";
import { createVitrina, type Vitrina } from "../src/vitrina";

const identity = { shopperId: () => "s", sessionId: () => "v", identify: vi.fn((_id: string | null) => true) };
const refresh = vi.fn();
let accepted: boolean;
let track: ReturnType<typeof vi.fn>;
let vitrina: Vitrina;

beforeEach(() => {
  vi.clearAllMocks();
  accepted = true;
  track = vi.fn(async () => accepted);
  vitrina = createVitrina(track as unknown as Vitrina["track"], identity, refresh);
});

test.each(["add_to_wishlist", "remove_from_wishlist", "not_interested", "add_to_cart", "remove_from_cart"])(
  "%s renews the lists once it is accepted",
  async (type) => {
    const outcome = vitrina.track(type, { item_id: "A" });
    expect(refresh).not.toHaveBeenCalled();
    await expect(outcome).resolves.toBe(true);
    expect(refresh).toHaveBeenCalledOnce();
  },
);

test("a view does not renew the lists, nor does a like that was refused", async () => {
  await vitrina.track("view_item", { item_id: "A" });
  accepted = false;
  await expect(vitrina.track("add_to_wishlist", { item_id: "A" })).resolves.toBe(false);
  expect(refresh).not.toHaveBeenCalled();
});

test("the lists are renewed when somebody else is looking", () => {
  vitrina.identify("customer-7");
  expect(refresh).toHaveBeenCalledOnce();
  identity.identify.mockReturnValueOnce(false);
  vitrina.identify("customer-7");
  expect(refresh).toHaveBeenCalledOnce();
});

test("calls kept from before are made up for, unknown ones ignored", () => {
  vitrina.push(["identify", "customer-7"], ["track", "view_item", { item_id: "A" }], ["nonsense"]);
  expect(identity.identify).toHaveBeenCalledWith("customer-7");
  expect(track).toHaveBeenCalledWith("view_item", { item_id: "A" });
});
