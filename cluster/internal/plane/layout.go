package plane

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// layout knows where things are in the plane's folder.
type layout struct{ dir string }

func (l layout) at(parts ...string) string {
	return filepath.Join(append([]string{l.dir}, parts...)...)
}

func (l layout) log(component string) string { return l.at("logs", component+".log") }
func (l layout) cert(name string) string     { return l.at("certs", name) }
func (l layout) tokens() string              { return l.at("certs", "tokens.csv") }
func (l layout) serviceAccountKey() string   { return l.at("certs", "service-account.key") }
func (l layout) auditPolicy() string         { return l.at("audit-policy.yaml") }

func (l layout) token(user string) string {
	return l.at("certs", strings.ReplaceAll(user, ":", "-")+".token")
}

func (l layout) componentKubeconfig(user string) string {
	return l.at("certs", strings.ReplaceAll(user, ":", "-")+".kubeconfig")
}

// prepare makes the folders and claims them: the returned lock must be kept open while the plane runs.
func (l layout) prepare() (*os.File, error) {
	for _, dir := range []string{l.dir, l.at("logs"), l.at("certs"), l.at("bin"), l.at("etcd")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make the plane's folder: %w", err)
		}
	}
	lock, err := os.OpenFile(l.at("lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("another localplane runs in %s; stop it, or name another --dir", l.dir)
	}
	return lock, nil
}

// linkKubectl puts a kubectl into the plane's folder: this binary, by that name.
func (l layout) linkKubectl(self string) error {
	link := l.at("bin", "kubectl")
	_ = os.Remove(link)
	return os.Symlink(self, link)
}

// writeKubeconfig writes a user's kubeconfig in one step: whoever waits for the file never sees half of it.
func (l layout) writeKubeconfig(path, user, server string) error {
	authority, err := os.ReadFile(l.cert("ca") + ".crt")
	if err != nil {
		return err
	}
	token, err := os.ReadFile(l.token(user))
	if err != nil {
		return err
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["localplane"] = &clientcmdapi.Cluster{
		Server:                   "https://" + server,
		CertificateAuthorityData: authority,
	}
	config.AuthInfos[user] = &clientcmdapi.AuthInfo{Token: string(token)}
	config.Contexts["localplane"] = &clientcmdapi.Context{Cluster: "localplane", AuthInfo: user, Namespace: "default"}
	config.CurrentContext = "localplane"
	data, err := clientcmd.Write(*config)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	temporary := path + ".new"
	if err := os.WriteFile(temporary, data, 0o600); err != nil {
		return fmt.Errorf("write the kubeconfig: %w", err)
	}
	return os.Rename(temporary, path)
}
