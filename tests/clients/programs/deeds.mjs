// What a client's program is asked to do: each deed is tried, and a line of JSON says how it went.

export const URL_ = process.env.TLFIF_URL;
export const KEY = process.env.TLFIF_KEY;
export const MODEL = process.env.TLFIF_MODEL;
export const MARK = "starts over";

export function check(right, what) {
  if (!right) throw new Error(what);
}

export async function mustFail(act) {
  try {
    await act();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

export async function run(deeds) {
  for (const [name, act] of Object.entries(deeds)) {
    let problem = "";
    try {
      await act();
    } catch (error) {
      console.error(error);
      problem = String(error).slice(0, 200) || "?";
    }
    console.log(JSON.stringify({ deed: name, problem }).replace('{"deed":', '{"deed": '));
  }
}
