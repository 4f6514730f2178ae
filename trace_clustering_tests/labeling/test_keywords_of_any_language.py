# ruff: noqa: E501 - a text stands on one line
"""Terms are those of the topic in any language, without a list of its stop words and without a dictionary."""

import pytest

from trace_clustering.labeling.keywords import TERMS_IN_TITLE, find_distinguishing_terms
from trace_clustering.labeling.scripts_without_spaces import cut_unspaced

# By language: a text and its topic for each of three clusters, and what the texts share.
LANGUAGES = {
    "German": (
        {
            "Rechnung": "Der Nutzer fragt, warum die Rechnung zu hoch ist. Die Rechnung und der Betrag stimmen nicht.",
            "Passwort": "Der Nutzer hat das Passwort vergessen, und die Anmeldung schlägt fehl. Das Passwort nicht.",
            "Paket": "Der Nutzer wartet, und das Paket ist nicht da. Die Adresse fehlt, und das Paket kam nie.",
        },
        {"der", "die", "und", "nutzer", "nicht"},
    ),
    "French": (
        {
            "colis": "La commande est en retard et le colis n'arrive pas. Où est le colis pour la commande ?",
            "remboursement": "La commande est annulée et le remboursement manque. Un remboursement pour la carte.",
            "passe": "La commande est impossible et le mot de passe expire. Un mot de passe pour la boutique.",
        },
        {"la", "et", "le", "pour", "commande", "est"},
    ),
    "Russian": (
        {
            "возврат": "Пользователь просит возврат и не видит денег. Возврат за заказ.",
            "посылка": "Пользователь ждёт, и посылка не пришла. Где посылка за заказ.",
            "пароль": "Пользователь забыл пароль и не может войти. Пароль за заказ.",
        },
        {"пользователь", "не", "за", "и"},
    ),
    "Arabic": (
        {
            "استرداد": "المستخدم يريد استرداد المال من الطلب. استرداد لم يصل",
            "الطرد": "المستخدم لم يستلم الطرد من الشركة. الطرد ضاع",
            "المرور": "المستخدم نسي كلمة المرور من الموقع. كلمة المرور لم تعمل",
        },
        {"المستخدم", "من", "لم"},
    ),
    "Chinese": (
        {
            "退款": "用户请教退款怎么办、退款没有到账。用户想申请退款。",
            "包裹": "用户请教包裹怎么办、包裹在路上丢了。用户的包裹没有送达。",
            "密码": "用户请教密码怎么办、登录的时候密码错误。用户忘记密码。",
        },
        {"用户", "请教", "怎么", "用户请教"},
    ),
    "Japanese": (
        {
            "返金": "ユーザーは返金を希望しています。返金について質問がありました。",
            "荷物": "ユーザーは荷物が届かないと言っています。荷物について質問がありました。",
            "パスワード": "ユーザーはパスワードを忘れました。パスワードについて質問がありました。",
        },
        {"ユーザー", "質問"},
    ),
    "Thai": (
        {
            "คืนเงิน": "ผู้ใช้ขอคืนเงิน เขาอยากคืนเงิน คืนเงินยังไม่เข้าบัญชี",
            "พัสดุ": "ผู้ใช้ไม่ได้รับพัสดุ พัสดุหายระหว่างทาง พัสดุ",
            "รหัสผ่าน": "ผู้ใช้ลืมรหัสผ่าน รหัสผ่านผิด รหัสผ่าน",
        },
        {"ผู้ใช้"},
    ),
}


@pytest.mark.parametrize("clusters", [2, 3])
@pytest.mark.parametrize("language", LANGUAGES)
def test_titles_name_the_topic_and_nothing_that_all_clusters_share(language: str, clusters: int) -> None:
    texts, shared = LANGUAGES[language]
    topics = list(texts)[:clusters]
    found = find_distinguishing_terms([texts[topic] for topic in topics])
    for topic, terms in zip(topics, found, strict=True):
        assert topic.lower() in ", ".join(terms[:TERMS_IN_TITLE])
        assert shared.isdisjoint(terms)


def test_pieces_of_an_unspaced_text_end_where_its_script_ends() -> None:
    assert list(cut_unspaced("ユーザーは返金を")) == ["ユーザー", "返金"]
    assert list(cut_unspaced("GPT-4的退款 refund")) == ["的退", "退款", "的退款"]


def test_terms_of_an_unspaced_text_do_not_overlap() -> None:
    [terms, _] = find_distinguishing_terms(["退款申请没有到账退款申请", "密码错误"])
    pairs = [term[at : at + 2] for term in terms for at in range(len(term) - 1)]
    assert len(pairs) == len(set(pairs))
