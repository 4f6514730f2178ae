"""The vocabulary of greetings, thanks and plain consent, in the common languages."""

from typing import Final


def list_words(*lines: str) -> frozenset[str]:
    """Return the words of some lines."""
    return frozenset(word for line in lines for word in line.split())


GREETINGS: Final = list_words(
    # English, German, French, Spanish, Portuguese, Italian, Dutch
    "hi hello hey hiya howdy greetings hallo hoi servus moin bonjour bonsoir salut coucou hola buenas ola",
    "olá ciao salve buongiorno buonasera goedemorgen goedemiddag goedenavond dear",
    # Nordic, Slavic, Turkish, Romanian, Greek, Hungarian, Indonesian
    "hej hei moi czesc cześć ahoj привет здравствуйте здравствуй привіт вітаю merhaba selam bună szia halo",
    # Arabic, Hebrew, Hindi, Vietnamese, Thai
    "مرحبا مرحبًا أهلا שלום नमस्ते chào สวัสดี günaydın",
)
LONG_GREETINGS: Final = (
    "good morning",
    "good afternoon",
    "good evening",
    "good day",
    "guten tag",
    "guten morgen",
    "guten abend",
    "grüß gott",
    "sehr geehrte",
    "sehr geehrter",
    "buenos días",
    "buenos dias",
    "buenas tardes",
    "buenas noches",
    "bom dia",
    "boa tarde",
    "boa noite",
    "god morgon",
    "god dag",
    "dzień dobry",
    "dobrý den",
    "добрый день",
    "доброе утро",
    "добрый вечер",
    "добрий день",
    "iyi günler",
    "xin chào",
    "selamat pagi",
    "selamat siang",
    "السلام عليكم",
)
UNSPACED_GREETINGS: Final = (
    *("你好", "您好", "哈囉", "早上好", "下午好", "晚上好"),
    *("こんにちは", "こんばんは", "おはようございます", "안녕하세요"),
)
# A message of nothing but such words asks for nothing.
FILLERS: Final = list_words(
    # English
    "a about absolutely again ahead alright all am and any anyway appreciate apologies are assistance at",
    "awesome bye can care confirm confirmed continue cool correct could day did do done exactly excellent",
    "fine for go good goodbye got great have hello help helpful helping hey hi how i if i'd i'll i'm is it",
    "it's just know later let's like lot lovely many me much my need no nice nope not now of ok okay on one",
    "patience perfect please proceed quick question really right so some something soon sorry sounds sure",
    "support take talk thank thanks that that's the then there this thx to today too understood very was",
    "well with works would yeah yep yes you you're your yup",
    # German
    "ja nein danke dankeschön bitte gerne genau passt alles klar gut okay super vielen dank schön tschüss",
    # French, Spanish, Portuguese, Italian
    "oui non merci beaucoup d'accord parfait sí si gracias muchas vale perfecto por favor claro de nada",
    "adiós sim não obrigado obrigada muito perfeito certo grazie mille va bene prego perfetto prima",
    # Dutch, Nordic, Polish, Czech, Russian, Ukrainian, Turkish
    "nee bedankt dank je wel graag tack så mycket jo nej takk tusen tak kiitos nie dziękuję dzięki proszę",
    "ano děkuji да нет спасибо хорошо пожалуйста большое так ні дякую добре evet hayır teşekkürler tamam",
    # Arabic, Hebrew, Hindi, Indonesian, Vietnamese
    "نعم لا شكرا شكرًا כן לא תודה हाँ नहीं धन्यवाद ya tidak terima kasih vâng cảm ơn",
)
# Scripts that put no spaces between words, so that phrases are told and not words. Longer ones come first.
UNSPACED_FILLERS: Final = (
    *("谢谢你", "谢谢", "謝謝你", "謝謝", "感谢", "多谢", "好的", "是的", "对的", "可以", "没问题", "不用了"),
    *("再见", "好", "是", "对", "行", "嗯", "了", "您"),
    *("ありがとうございます", "ありがとうございました", "ありがとう", "お願いします", "わかりました"),
    *("了解です", "了解しました", "了解", "はい", "いいえ"),
    *("감사합니다", "고마워요", "고맙습니다", "좋아요", "알겠습니다", "아니요", "네", "예"),
    *("ขอบคุณ", "ครับ", "ค่ะ", "ใช่", "ได้"),
)
# Whoever says one of these, and asks no question, is done.
CLOSINGS: Final = (
    *("thanks", "thank you", "thx", "that's all", "that’s all", "thats all", "bye", "goodbye"),
    *("danke", "vielen dank", "tschüss", "merci", "gracias", "obrigado", "obrigada", "grazie", "bedankt"),
    *("dank je", "tack", "takk", "kiitos", "dziękuję", "děkuji", "спасибо", "дякую", "teşekkürler"),
    *("terima kasih", "cảm ơn"),
)
UNSPACED_CLOSINGS: Final = ("谢谢", "謝謝", "ありがとう", "감사", "고마", "شكر", "תודה", "धन्यवाद", "ขอบคุณ")
