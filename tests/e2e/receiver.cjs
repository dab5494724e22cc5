// A receiver as its own documentation shows it: the secret comes on a line of standard input, the port goes out on one
// of standard output, and after it every webhook that was verified, as it came.
const http = require("http");
const readline = require("readline");
const { Webhook } = require("standardwebhooks");

readline.createInterface({ input: process.stdin }).once("line", (secret) => {
  const webhook = new Webhook(secret);
  const server = http.createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      try {
        const body = Buffer.concat(chunks).toString();
        webhook.verify(body, request.headers);
        console.log(JSON.stringify({ body, headers: request.headers }));
        response.writeHead(204).end();
      } catch (error) {
        response.writeHead(400).end(error.message);
      }
    });
  });
  server.listen(Number(process.argv[2]), "127.0.0.1", () => console.log(server.address().port));
});
