// User agents as browsers, apps, things and crawlers send them, and what becomes of each.
import { expect, test } from "vitest";
import { openDevices } from "../../lib/enrich/devices.ts";

const { deviceOf } = openDevices();
const WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)";
const CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0";

test.each([
  [
    "Safari",
    "iOS",
    "mobile",
    `(iPhone; CPU iPhone OS 17_5 like Mac OS X) ${WEBKIT} Version/17.5 Mobile/15E148 Safari/604.1`,
  ],
  [
    "Chrome",
    "iOS",
    "mobile",
    `(iPhone; CPU iPhone OS 17_5 like Mac OS X) ${WEBKIT} CriOS/126.0.6478.54 Mobile/15E148 Safari/604.1`,
  ],
  ["Safari", "iOS", "tablet", `(iPad; CPU OS 16_6 like Mac OS X) ${WEBKIT} Version/16.6 Mobile/15E148 Safari/604.1`],
  ["Safari", "Mac OS", "desktop", `(Macintosh; Intel Mac OS X 10_15_7) ${WEBKIT} Version/17.5 Safari/605.1.15`],
  ["Chrome", "Windows", "desktop", `(Windows NT 10.0; Win64; x64) ${CHROME} Safari/537.36`],
  ["Edge", "Windows", "desktop", `(Windows NT 10.0; Win64; x64) ${CHROME} Safari/537.36 Edg/126.0.0.0`],
  ["Opera", "Windows", "desktop", `(Windows NT 10.0; Win64; x64) ${CHROME} Safari/537.36 OPR/112.0.0.0`],
  ["Firefox", "Linux", "desktop", "(X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0"],
  ["Firefox", "Ubuntu", "desktop", "(X11; Ubuntu; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0"],
  ["Chrome", "Chromium OS", "desktop", `(X11; CrOS x86_64 14541.0.0) ${CHROME} Safari/537.36`],
  ["Chrome", "Android", "mobile", `(Linux; Android 14; Pixel 8) ${CHROME} Mobile Safari/537.36`],
  ["Chrome", "Android", "tablet", `(Linux; Android 10; K) ${CHROME} Safari/537.36`],
  ["Firefox", "Android", "mobile", "(Android 14; Mobile; rv:127.0) Gecko/127.0 Firefox/127.0"],
  [
    "Safari",
    "Tizen",
    "tv",
    "(SMART-TV; Linux; Tizen 6.0) AppleWebKit/537.36 (KHTML, like Gecko) 76.0.3809.146/6.0 TV Safari/537.36",
  ],
  ["Safari", "PlayStation", "console", `(PlayStation; PlayStation 5/2.26) ${WEBKIT} Version/13.0 Safari/605.1.15`],
])("%s on %s is %s", (browser, os, type, userAgent) => {
  expect(deviceOf(`Mozilla/5.0 ${userAgent}`, {}, false)).toEqual({ browser, os, type, bot: false });
});

test.each([
  ["Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"],
  [
    `Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X) ${CHROME} Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)`,
  ],
  ["Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)"],
  ["Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.0; +https://openai.com/gptbot)"],
  ["Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/126.0.0.0 Safari/537.36"],
  ["curl/8.5.0"],
  ["python-requests/2.31"],
])("%s is a bot", (userAgent) => {
  expect(deviceOf(userAgent, {}, false)).toMatchObject({ type: "bot", bot: true });
});

test.each([
  ["MyShop/3.2.1 (iPhone; iOS 17.5; Scale/3.00)", { os: "iOS", type: "mobile", bot: false }],
  ["MyShop/3.2 CFNetwork/1410.0.3 Darwin/22.6.0", { os: "iOS", type: "mobile", bot: false }],
  ["Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8 Build/UQ1A)", { os: "Android", type: "mobile", bot: false }],
  ["AppleWatch6,2/watchOS 10.1 (21R69)", { os: "watchOS", type: "wearable", bot: false }],
  ["okhttp/4.12.0", { type: "mobile", bot: false }],
])("an app that says %s", (userAgent, device) => {
  expect(deviceOf(userAgent, {}, true)).toEqual(device);
});

test("the app, its version and the language are as the library says them; nothing is made up", () => {
  const context = { app: { name: "Shop", version: "3.2" }, locale: "pt-BR", os: { name: "iPadOS" } };
  const said = { os: "iPadOS", app: "Shop", version: "3.2", language: "pt-BR", bot: false };
  expect(deviceOf(undefined, context, false)).toEqual(said);
  expect(deviceOf(undefined, { app: "Shop", locale: 7, os: null }, false)).toBeUndefined();
  expect(deviceOf(undefined, { locale: "de" }, false)).toEqual({ language: "de" });
  expect(deviceOf("", {}, false)).toBeUndefined();
});

test("a user agent of any length is read in a bounded time", () => {
  const long = `Mozilla/5.0 (Windows NT 10.0) ${CHROME} ${"Safari/537.36 ".repeat(100_000)}`;
  expect(deviceOf(long, {}, false)).toMatchObject({ os: "Windows", type: "desktop" });
});
