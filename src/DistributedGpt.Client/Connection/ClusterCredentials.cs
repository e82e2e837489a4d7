using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Orleans.Connections.Security;

namespace DistributedGpt.Client;

/// <summary>
/// What members of a cluster, silos and clients, show each other: a certificate, and whose signature they ask for. Who can show a
/// certificate of the cluster's authority is a member, whatever name or address stands in it.
/// </summary>
public sealed class ClusterCredentials
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";
    private const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    private readonly X509Certificate2 _certificate;
    private readonly X509Certificate2Collection _authorities;

    private ClusterCredentials(X509Certificate2 certificate, X509Certificate2Collection authorities)
    {
        _certificate = certificate;
        _authorities = authorities;
    }

    /// <summary>Reads PEM files.</summary>
    /// <param name="certificate">The file of the member's certificate.</param>
    /// <param name="key">The file of its private key, not encrypted.</param>
    /// <param name="authority">The file of the certificates of the cluster's authority.</param>
    /// <exception cref="InvalidDataException">A file cannot be used; the message names it.</exception>
    public static ClusterCredentials Load(string certificate, string key, string authority)
    {
        X509Certificate2Collection authorities = [];
        Read(authority, "certificates in PEM", () => authorities.ImportFromPem(ReadText(authority)));
        if (authorities.Count == 0) throw new InvalidDataException($"{authority}: expected certificates in PEM, found none");
        string certificateText = ReadText(certificate), keyText = ReadText(key);
        Read(certificate, "a certificate in PEM", () => X509Certificate2.CreateFromPem(certificateText).Dispose());
        var credentials = new ClusterCredentials(Read(key, $"the private key, in PEM, of {certificate}", () => WithKey(certificateText, keyText)), authorities);
        if (credentials.FindFault(credentials._certificate) is { } fault) throw new InvalidDataException($"{certificate}: expected a certificate of {authority}: {fault}");
        if (!credentials.IsForBothEnds()) throw new InvalidDataException($"{certificate}: expected one for the authentication of servers and of clients");
        return credentials;
    }

    /// <summary>Has an Orleans silo or client show the certificate and ask others for theirs.</summary>
    public void ApplyTo(TlsOptions options)
    {
        options.LocalCertificate = _certificate;
        options.RemoteCertificateMode = RemoteCertificateMode.RequireCertificate;
        options.ClientCertificateMode = RemoteCertificateMode.RequireCertificate;
        options.RemoteCertificateValidation = (certificate, _, _) => FindFault(certificate) is null;
    }

    /// <summary>Why a certificate is none of the authority's; null: it is one.</summary>
    private string? FindFault(X509Certificate2 certificate)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(_authorities);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        return chain.Build(certificate) ? null : string.Join("; ", chain.ChainStatus.Select(status => status.StatusInformation.Trim()).Distinct());
    }

    private bool IsForBothEnds()
    {
        X509EnhancedKeyUsageExtension[] usages = [.. _certificate.Extensions.OfType<X509EnhancedKeyUsageExtension>()];
        string?[] oids = [.. usages.SelectMany(usage => usage.EnhancedKeyUsages.Cast<Oid>()).Select(oid => oid.Value)];
        return usages.Length == 0 || (oids.Contains(ServerAuthentication) && oids.Contains(ClientAuthentication));
    }

    /// <summary>Windows takes no key for TLS that was not imported.</summary>
    private static X509Certificate2 WithKey(string certificate, string key)
    {
        using var read = X509Certificate2.CreateFromPem(certificate, key);
        return X509CertificateLoader.LoadPkcs12(read.Export(X509ContentType.Pfx), null);
    }

    private static string ReadText(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidDataException($"{file}: cannot be read: {e.Message}", e);
        }
    }

    private static void Read(string file, string expected, Action read) => Read(file, expected, () =>
    {
        read();
        return true;
    });

    private static T Read<T>(string file, string expected, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            throw new InvalidDataException($"{file}: expected {expected}: {e.Message}", e);
        }
    }
}
