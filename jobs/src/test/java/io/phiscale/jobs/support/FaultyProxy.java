package io.phiscale.jobs.support;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/**
 * An HTTP proxy in front of a server on this machine, which does to its requests what networks and
 * object stores do. One request a connection: it says {@code Connection: close} in both directions.
 */
public final class FaultyProxy implements AutoCloseable {
  /** What happens to a request. */
  public enum Fault {
    /** It is passed on, and its answer back. */
    NONE,
    /** 503 with S3's code {@code SlowDown}; the server never hears of the request. */
    SLOW_DOWN,
    /** 400 with S3's code {@code ExpiredToken}: credentials that were good for a while. */
    EXPIRED,
    /** The connection is reset instead of an answer. */
    RESET,
    /** The answer breaks off in its middle, with a reset. */
    TORN_ANSWER,
    /** The answer comes in small pieces, 50 ms between them. */
    SLOW_ANSWER,
    /** There is never an answer; the connection stays open. */
    SILENCE
  }

  /**
   * A request.
   *
   * @param method as GET
   * @param target path and query
   * @param number from 1, counted over all requests
   */
  public record Request(String method, String target, int number) {}

  /** Decides what happens to a request. Called by many threads. */
  @FunctionalInterface
  public interface Faults {
    /** What happens to this one. */
    Fault of(Request request);
  }

  /**
   * A fault that was made.
   *
   * @param request to whom
   * @param fault what
   */
  public record Made(Request request, Fault fault) {}

  private static final byte[] SLOW_DOWN_BODY =
      "<?xml version=\"1.0\"?><Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>"
          .getBytes(StandardCharsets.UTF_8);
  private static final byte[] EXPIRED_BODY =
      "<?xml version=\"1.0\"?><Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"
          .getBytes(StandardCharsets.UTF_8);
  private static final int PIECE_BYTES = 2048;
  private static final long PIECE_MILLIS = 50;

  private final URI server;
  private final ServerSocket listening;
  private final ExecutorService threads = Executors.newCachedThreadPool(FaultyProxy::daemon);
  private final CountDownLatch closing = new CountDownLatch(1);
  private final List<Made> made = Collections.synchronizedList(new ArrayList<>());
  private final List<Socket> open = Collections.synchronizedList(new ArrayList<>());
  private volatile Faults faults = request -> Fault.NONE;
  private int requests;

  /**
   * Starts it on a free port.
   *
   * @param server what it stands before
   */
  public FaultyProxy(URI server) throws IOException {
    this.server = server;
    this.listening = new ServerSocket(0, 128, InetAddress.getLoopbackAddress());
    threads.execute(this::accept);
  }

  private static Thread daemon(Runnable work) {
    Thread thread = new Thread(work, "faulty-proxy");
    thread.setDaemon(true);
    return thread;
  }

  /** What clients use in the place of the server's URL. */
  public URI endpoint() {
    return URI.create("http://127.0.0.1:" + listening.getLocalPort());
  }

  /** From now on these. */
  public void make(Faults chosen) {
    faults = chosen;
  }

  /** Every fault made so far, in order. */
  public List<Made> made() {
    synchronized (made) {
      return List.copyOf(made);
    }
  }

  private void accept() {
    while (true) {
      Socket client;
      try {
        client = listening.accept();
      } catch (IOException e) {
        return; // closed
      }
      open.add(client);
      threads.execute(() -> serve(client));
    }
  }

  private void serve(Socket client) {
    try (client) {
      InputStream in = new BufferedInputStream(client.getInputStream());
      String head = head(in);
      if (head.isEmpty()) {
        return;
      }
      String[] first = head.substring(0, head.indexOf("\r\n")).split(" ", -1);
      Request request;
      synchronized (this) {
        request = new Request(first[0], first[1], ++requests);
      }
      Fault fault = faults.of(request);
      if (fault != Fault.NONE) {
        made.add(new Made(request, fault));
      }
      switch (fault) {
        case SLOW_DOWN -> answer(client.getOutputStream(), "503 Slow Down", SLOW_DOWN_BODY);
        case EXPIRED ->
            answer(
                client.getOutputStream(),
                "400 Bad Request",
                request.method().equals("HEAD") ? new byte[0] : EXPIRED_BODY);
        case RESET -> reset(client);
        case SILENCE -> closing.await();
        case NONE, SLOW_ANSWER, TORN_ANSWER -> pass(client, in, head, fault);
      }
    } catch (IOException e) {
      // A side that goes away is one of the things that happen here.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      open.remove(client);
    }
  }

  private static String head(InputStream in) throws IOException {
    ByteArrayOutputStream head = new ByteArrayOutputStream();
    for (int next = in.read(); next >= 0; next = in.read()) {
      head.write(next);
      if (next == '\n' && head.toString(StandardCharsets.ISO_8859_1).endsWith("\r\n\r\n")) {
        return head.toString(StandardCharsets.ISO_8859_1);
      }
    }
    return "";
  }

  private static void answer(OutputStream out, String status, byte[] body) throws IOException {
    String head =
        "HTTP/1.1 %s\r\nContent-Type: application/xml\r\nConnection: close\r\nContent-Length: %s\r\n\r\n"
            .formatted(status, body.length);
    out.write(head.getBytes(StandardCharsets.US_ASCII));
    out.write(body);
    out.flush();
  }

  private static void reset(Socket client) throws SocketException {
    // Closing then sends RST, not FIN.
    client.setSoLinger(true, 0);
  }

  private void pass(Socket client, InputStream in, String head, Fault fault)
      throws IOException, InterruptedException {
    try (Socket upstream = new Socket(server.getHost(), server.getPort())) {
      open.add(upstream);
      StringBuilder closing = new StringBuilder();
      for (String line : head.stripTrailing().split("\r\n", -1)) {
        if (!line.regionMatches(true, 0, "connection:", 0, 11)) {
          closing.append(line).append("\r\n");
        }
      }
      closing.append("Connection: close\r\n\r\n");
      OutputStream out = upstream.getOutputStream();
      out.write(closing.toString().getBytes(StandardCharsets.ISO_8859_1));
      out.flush();
      threads.execute(() -> copyBody(in, out));
      answer(client, upstream.getInputStream(), fault);
      open.remove(upstream);
    }
  }

  private static void copyBody(InputStream in, OutputStream out) {
    try {
      byte[] block = new byte[8192];
      for (int count = in.read(block); count >= 0; count = in.read(block)) {
        out.write(block, 0, count);
        out.flush();
      }
    } catch (IOException e) {
      // The answer has ended, or the client has gone: pass() sees it too.
    }
  }

  private void answer(Socket client, InputStream from, Fault fault)
      throws IOException, InterruptedException {
    OutputStream to = client.getOutputStream();
    byte[] block = new byte[fault == Fault.NONE ? 65_536 : PIECE_BYTES];
    for (int count = from.read(block); count >= 0; count = from.read(block)) {
      if (fault == Fault.TORN_ANSWER) {
        to.write(block, 0, Math.max(1, count * 3 / 4));
        to.flush();
        reset(client);
        return;
      }
      to.write(block, 0, count);
      to.flush();
      if (fault == Fault.SLOW_ANSWER && closing.await(PIECE_MILLIS, TimeUnit.MILLISECONDS)) {
        return;
      }
    }
  }

  @Override
  public void close() throws IOException {
    closing.countDown();
    listening.close();
    synchronized (open) {
      for (Socket socket : open) {
        socket.close();
      }
    }
    threads.shutdownNow();
  }
}
