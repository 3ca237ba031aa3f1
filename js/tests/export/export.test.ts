import { expect, it } from "vitest";
import { changedSettings, pythonCode } from "../../src/export/code.js";
import { tableAsCsv } from "../../src/export/table.js";
import { connect } from "../../src/host/connection.js";
import { type Payload, readPayloads } from "../../src/host/payload.js";
import { createState } from "../../src/host/settings_sync.js";
import { openSession } from "../../src/session/session.js";
import { controller, FakeModel, named, payloadTraits } from "../fake.js";

function open(change: (payload: Payload) => Payload[] = (payload) => [payload]) {
  const model = new FakeModel(payloadTraits());
  const until = controller().signal;
  const state = createState(model, until);
  const [payload] = readPayloads(model);
  return openSession(
    named(change(payload), ({ method }) => method),
    state,
    connect(model, () => false, until),
    until,
  );
}

const other = (payload: Payload): Payload => ({ ...payload, meta: { ...payload.meta, method: 'a "b",c' } });
const rows = (text: string) => text.split("\r\n").map((line) => line.split(","));

it("writes one row for each slice", () => {
  const session = open();
  const lines = tableAsCsv(session).split("\r\n");
  expect(lines[0]).toBe("method,slice,start_s,end_s,share,signed_share,frames_seen");
  expect(lines).toHaveLength(4);
  expect(lines[3]).toBe("");
  const [method, slice, start, end, share, , frames] = lines[2].split(",");
  expect([method, slice, start, end, frames]).toEqual(['"staa"', "2", "3.000000", "4.000000", "103"]);
  expect(Number(share)).toBeCloseTo(session.view.heat.value.temporal[1], 6);
});

it("writes the shown map: the selected layer and head", () => {
  const session = open();
  const joint = tableAsCsv(session);
  session.state.layer.value = 1;
  expect(rows(tableAsCsv(session))[1].slice(0, 2).join()).toBe('"attention of layer 2, mean of heads"');
  expect(rows(tableAsCsv(session))[1].at(-2)).toBe("");
  expect(rows(tableAsCsv(session))[1].at(-3)).not.toBe(rows(joint)[1].at(-3));
});

it("writes the panes one after the other, each row with its name", () => {
  const lines = tableAsCsv(open((one) => [one, other(one)])).split("\r\n");
  expect(lines[0]).toBe("name,method,slice,start_s,end_s,share,signed_share,frames_seen");
  expect(lines.slice(1).map((line) => line.replace(/,4\.0.*/, ""))).toEqual([
    expect.stringMatching(/^"staa","staa",1,/),
    '"staa","staa",2,3.000000',
    expect.stringMatching(/^"a ""b"",c","a ""b"",c",1,/),
    '"a ""b"",c","a ""b"",c",2,3.000000',
    "",
  ]);
});

it("exports settings, but not the state of playback", () => {
  const session = open();
  session.state.playing.value = true;
  expect(changedSettings(session)).toEqual({ frame: 103 });
  session.state.opacity.value = 0.5;
  session.state.selection.value = [2.5, 3];
  session.state.loop.value = false;
  expect(changedSettings(session)).toEqual({ frame: 103, opacity: 0.5, selection: [2.5, 3], loop: false });
});

it("writes Python code", () => {
  const session = open();
  session.state.selection.value = [2.5, 3];
  session.state.dim_outside.value = true;
  session.state.colormap.value = "magma";
  const [head, blank, call, player, end] = pythonCode(session).split("\n");
  expect([head, blank, end]).toEqual(["import staa_widgets as staa", "", ""]);
  expect(call).toBe(`e = ${session.view.meta.value.recipe}`);
  expect(player).toBe('staa.Player(e, frame=103, colormap="magma", dim_outside=True, selection=[2.5, 3])');
});

it("writes several panes as a list, and a view only if one was chosen", () => {
  const session = open((one) => [one, other(one)]);
  expect(pythonCode(session).split("\n").slice(-2, -1)).toEqual(["staa.Player([e1, e2], frame=103)"]);
  session.state.view.value = "overlay";
  expect(pythonCode(session)).toContain('view="overlay"');
});
