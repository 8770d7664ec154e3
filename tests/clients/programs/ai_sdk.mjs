// Vercel's AI SDK: its provider of OpenAI's models, which asks for responses.

import { createOpenAI } from "@ai-sdk/openai";
import { generateText, jsonSchema, streamText, tool } from "ai";
import { KEY, MODEL, URL_, check, run } from "./deeds.mjs";

const model = createOpenAI({ baseURL: `${URL_}/v1`, apiKey: KEY })(MODEL);
const weather = tool({
  description: "The weather of a city",
  inputSchema: jsonSchema({ type: "object", properties: { city: { type: "string" } }, required: ["city"] }),
  execute: async () => "sunny",
});

await run({
  async responses() {
    const { text } = await generateText({ model, prompt: "Hello" });
    check(text === "Hi there", text);
  },
  async stream() {
    let text = "";
    for await (const part of streamText({ model, prompt: "Hello" }).textStream) text += part;
    check(text === "Hi there", text);
  },
  async tools() {
    const first = await generateText({ model, prompt: "Hello", tools: { weather }, toolChoice: "required" });
    check(first.toolCalls[0].input.city === "Graz" && first.toolResults[0].output === "sunny", first);
    const messages = [{ role: "user", content: "Hello" }, ...first.response.messages];
    const { text } = await generateText({ model, messages, tools: { weather } });
    check(text === "Hi there", text);
  },
});
