// SPDX-License-Identifier: GPL-3.0-or-later
// A POP3S server on the JDK's own TLS: java JsseServer FOLDER. It reads FOLDER/server.properties, and KEYTYPE.crt and
// KEYTYPE.key (PKCS #8) beside it.

import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.Properties;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;

public class JsseServer {
    private static final int TIME_LIMIT_MILLISECONDS = 30_000;

    public static void main(String[] arguments) throws Exception {
        Path folder = Path.of(arguments[0]);
        Properties settings = new Properties();
        try (InputStream file = new FileInputStream(folder.resolve("server.properties").toFile())) {
            settings.load(file);
        }
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys(folder, settings.getProperty("key_types").split(",")).getKeyManagers(), null, null);
        SSLServerSocket listener = (SSLServerSocket) context.getServerSocketFactory().createServerSocket(
            Integer.parseInt(settings.getProperty("port")), 128, InetAddress.getByName("127.0.0.1"));
        SSLParameters parameters = new SSLParameters(
            settings.getProperty("suites").split(","), settings.getProperty("versions").split(","));
        parameters.setUseCipherSuitesOrder(Boolean.parseBoolean(settings.getProperty("server_order")));
        listener.setSSLParameters(parameters);
        while (true) {
            SSLSocket connection = (SSLSocket) listener.accept();
            Thread thread = new Thread(() -> converse(connection));
            thread.setDaemon(true);
            thread.start();
        }
    }

    private static KeyManagerFactory keys(Path folder, String[] keyTypes) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        for (String keyType : keyTypes) {
            String pem = Files.readString(folder.resolve(keyType + ".key")).replaceAll("-----[^-]+-----|\\s", "");
            PrivateKey key = KeyFactory.getInstance(keyType.equals("rsa") ? "RSA" : "EC")
                .generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(pem)));
            try (InputStream file = new FileInputStream(folder.resolve(keyType + ".crt").toFile())) {
                Certificate certificate = CertificateFactory.getInstance("X.509").generateCertificate(file);
                store.setKeyEntry(keyType, key, new char[0], new Certificate[] {certificate});
            }
        }
        KeyManagerFactory factory = KeyManagerFactory.getInstance("PKIX");
        factory.init(store, new char[0]);
        return factory;
    }

    private static void converse(SSLSocket connection) {
        try (connection) {
            connection.setSoTimeout(TIME_LIMIT_MILLISECONDS);
            connection.startHandshake();
            OutputStream out = connection.getOutputStream();
            say(out, "+OK test POP3 server ready\r\n");
            BufferedReader in = new BufferedReader(
                new InputStreamReader(connection.getInputStream(), StandardCharsets.ISO_8859_1));
            for (int commands = 0; commands < 16; commands++) {
                String line = in.readLine();
                if (line == null) {
                    return;
                }
                String command = line.trim().toUpperCase();
                if (command.equals("CAPA")) {
                    say(out, "+OK\r\nUSER\r\nUIDL\r\n.\r\n");
                } else if (command.equals("QUIT")) {
                    say(out, "+OK bye\r\n");
                    return;
                } else {
                    say(out, "-ERR [AUTH] not here\r\n");
                }
            }
        } catch (IOException error) {
            System.out.println(error);
        }
    }

    private static void say(OutputStream out, String text) throws IOException {
        out.write(text.getBytes(StandardCharsets.ISO_8859_1));
        out.flush();
    }
}
